"""XML by expat: external entities, and whether two documents are the same one. Nothing is fetched.

What is compared are the events of expat, a canonical form in the sense of C14N (https://www.w3.org/TR/xml-c14n11/)
which holds the document type and its declarations too.
"""

import functools
import re
from typing import Any

Event = tuple[object, ...]


def external(text: str) -> tuple[list[str], str | None]:
    """Returns the external and entity references of a document, and why it is not well-formed, or None."""
    from xml.parsers import expat

    found: list[str] = []
    parser = _parser(" ")

    def doctype(name: str, system: str | None, public: str | None, subset: int) -> None:
        found.extend(filter(None, [system]))

    def entity(name: str, parameter: bool, value: str | None, *_: Any) -> None:
        if f"{'%' if parameter else '&'}{name};" in text:
            found.append(name)

    def instruction(target: str, data: str) -> None:
        if target == "xml-stylesheet" and "href=" in data:
            found.append(data)

    def element(name: str, attributes: dict[str, str]) -> None:
        if name.endswith("XInclude include") or any("schemaLocation" in attribute for attribute in attributes):
            found.append(name)

    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = doctype, entity
    parser.ProcessingInstructionHandler, parser.StartElementHandler = instruction, element
    try:
        parser.Parse(text.encode("latin-1"), True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two of an unknown encoding
        return found, f"not well-formed XML: {error}"
    return found, None


def same(before: str, after: str) -> bool:
    """Whether both are the same document, and have external references or entities in use."""
    form, uses = canonical(before), _uses(before)
    return form is not None and uses > 0 and canonical(after) == form and _uses(after) == uses


@functools.lru_cache(maxsize=4096)
def _uses(text: str) -> int:
    return len(external(text)[0])


@functools.lru_cache(maxsize=4096)
def canonical(text: str) -> tuple[Event, ...] | None:
    """Returns the events of a document, or None where it is not well-formed.

    Attributes come sorted, adjacent text (CDATA sections too) as one, references to entities as such. Where nothing
    outside of the document can refer to its entities by name, they are told by the order of their declaration.
    """
    from xml.parsers import expat

    events = _Events()
    parser = _parser()
    for handler in (name for name in dir(events) if name.endswith("Handler")):
        setattr(parser, handler, getattr(events, handler))
    try:
        parser.Parse(text.encode("latin-1"), True)
    except (expat.ExpatError, LookupError, ValueError):  # the latter two of an unknown encoding
        return None
    return events.finish()


def _parser(separator: str | None = None) -> Any:
    from xml.parsers import expat

    parser = expat.ParserCreate(namespace_separator=separator)
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
    parser.ExternalEntityRefHandler = lambda *_: 1  # skipped, never fetched
    return parser


class _Events:
    """Collects what expat tells; methods are named as its handlers."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._text: list[str] = []
        self._entities: list[tuple[bool, str]] = []
        self._named = False  # whether something outside may name an entity

    def _add(self, *event: object) -> None:
        if self._text:
            self._events.append(("text", "".join(self._text)))
            self._text = []
        self._events.append(event)

    def finish(self) -> tuple[Event, ...]:
        """Returns what was read, with a document's own entities numbered where nothing outside can name them."""
        self._add("end of document")
        if self._named:
            return tuple(self._events)
        order = {key: number for number, key in enumerate(dict.fromkeys(self._entities))}
        plain = re.compile(r"([&%])([^\s;&%]+);")

        def number(match: re.Match[str]) -> str:
            known = order.get((match[1] == "%", match[2]))
            return match[0] if known is None else f"{match[1]}\0{known};"

        def rename(event: Event) -> Event:
            if event[0] == "entity":
                value = event[3]
                renamed = plain.sub(number, value) if isinstance(value, str) else value
                return ("entity", event[1], order[(bool(event[1]), str(event[2]))], renamed, *event[4:])
            if event[0] == "reference":
                return ("reference", plain.sub(number, str(event[1])))
            return event

        return tuple(rename(event) for event in self._events)

    def XmlDeclHandler(self, version: str, encoding: str | None, standalone: int) -> None:  # noqa: N802
        self._add("declaration", version, encoding, standalone)

    def StartDoctypeDeclHandler(self, name: str, system: str | None, public: str | None, _: int) -> None:  # noqa: N802
        self._named |= system is not None
        self._add("doctype", name, system, public)

    def EntityDeclHandler(  # noqa: N802
        self,
        name: str,
        parameter: int,
        value: str | None,
        base: str | None,
        system: str | None,
        public: str | None,
        notation: str | None,
    ) -> None:
        self._named |= bool(parameter) and system is not None
        self._entities.append((bool(parameter), name))
        self._add("entity", parameter, name, value, system, public, notation)

    def ElementDeclHandler(self, name: str, model: object) -> None:  # noqa: N802
        self._add("element", name, model)

    def AttlistDeclHandler(self, *declaration: object) -> None:  # noqa: N802
        self._add("attributes", *declaration)

    def NotationDeclHandler(self, *declaration: object) -> None:  # noqa: N802
        self._add("notation", *declaration)

    def ExternalEntityRefHandler(self, context: str | None, base: str | None, system: str, public: str) -> int:  # noqa: N802
        self._add("external", system, public)
        return 1

    def SkippedEntityHandler(self, name: str, parameter: int) -> None:  # noqa: N802
        self._add("reference", f"{'%' if parameter else '&'}{name};")

    def DefaultHandler(self, data: str) -> None:  # noqa: N802
        if re.fullmatch(r"[&%][^\s;&%]+;", data):
            self._add("reference", data)

    def StartElementHandler(self, name: str, attributes: dict[str, str]) -> None:  # noqa: N802
        self._add("start", name, tuple(sorted(attributes.items())))

    def EndElementHandler(self, name: str) -> None:  # noqa: N802
        self._add("end", name)

    def CharacterDataHandler(self, data: str) -> None:  # noqa: N802
        self._text.append(data)

    def CommentHandler(self, data: str) -> None:  # noqa: N802
        self._add("comment", data)

    def ProcessingInstructionHandler(self, target: str, data: str) -> None:  # noqa: N802
        """Pseudo-attributes of a style sheet's instruction are told apart (https://www.w3.org/TR/xml-stylesheet/)."""
        pairs = re.findall(r"\s*([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", data)
        if target == "xml-stylesheet" and re.fullmatch(r"(?:\s*[\w-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))+\s*", data):
            self._add("instruction", target, tuple(sorted((name, a or b) for name, a, b in pairs)))
        else:
            self._add("instruction", target, data)
