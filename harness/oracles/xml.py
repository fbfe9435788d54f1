"""XML by expat: lists external entities, and decides whether two documents are the same. Nothing is fetched.

The events of expat are compared, a canonical form similar to C14N (https://www.w3.org/TR/xml-c14n11/) that also holds
the document type and its declarations.
"""

import functools
import re
from typing import Any

Event = tuple[object, ...]
_PSEUDO_ATTRIBUTE = re.compile(r"\s*+([\w-]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")
_PSEUDO_ATTRIBUTES = re.compile(rf"(?:{_PSEUDO_ATTRIBUTE.pattern})++\s*+")


def external(text: str) -> tuple[list[str], str | None]:
    """Returns the external and entity references of a document, and the reason why it is not well-formed, or None."""
    from xml.parsers import expat

    references: list[str] = []
    parser = _parser(" ")

    def doctype(name: str, system: str | None, public: str | None, subset: int) -> None:
        references.extend(filter(None, [system]))

    def entity(name: str, parameter: bool, value: str | None, *_: Any) -> None:
        if f"{'%' if parameter else '&'}{name};" in text:
            references.append(name)

    def instruction(target: str, data: str) -> None:
        if target == "xml-stylesheet" and "href=" in data:
            references.append(data)

    def element(name: str, attributes: dict[str, str]) -> None:
        if name.endswith("XInclude include") or any("schemaLocation" in attribute for attribute in attributes):
            references.append(name)

    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = doctype, entity
    parser.ProcessingInstructionHandler, parser.StartElementHandler = instruction, element
    try:
        parser.Parse(text.encode("latin-1"), True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # an unknown encoding raises the latter two
        return references, f"not well-formed XML: {error}"
    return references, None


def same(before: str, after: str) -> bool:
    """Whether both are the same document, with at least one external reference or entity in use."""
    form, uses = canonical(before), _uses(before)
    return form is not None and uses > 0 and canonical(after) == form and _uses(after) == uses


@functools.lru_cache(maxsize=4096)
def _uses(text: str) -> int:
    return len(external(text)[0])


@functools.lru_cache(maxsize=4096)
def canonical(text: str) -> tuple[Event, ...] | None:
    """Returns the events of a document, or None if it is not well-formed.

    Attributes are sorted, adjacent text (CDATA sections too) is joined, and references to entities are kept. If nothing
    outside of the document can refer to its entities by name, numbers in order of declaration replace the names.
    """
    from xml.parsers import expat

    events = _Events()
    parser = _parser()
    for handler in (name for name in dir(events) if name.endswith("Handler")):
        setattr(parser, handler, getattr(events, handler))
    try:
        parser.Parse(text.encode("latin-1"), True)
    except (expat.ExpatError, LookupError, ValueError):  # an unknown encoding raises the latter two
        return None
    return events.finish()


def _parser(separator: str | None = None) -> Any:
    from xml.parsers import expat

    parser = expat.ParserCreate(namespace_separator=separator)
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
    parser.ExternalEntityRefHandler = lambda *_: 1  # skips the entity, which is never fetched
    return parser


class _Events:
    """Collects the events of expat; methods have the names of its handlers."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._text: list[str] = []
        self._entities: list[tuple[bool, str]] = []
        self._external_names = False  # whether something outside of the document may refer to an entity by name

    def _add(self, *event: object) -> None:
        if self._text:
            self._events.append(("text", "".join(self._text)))
            self._text = []
        self._events.append(event)

    def finish(self) -> tuple[Event, ...]:
        """Returns the events, with numbers for the entities' names if nothing outside can refer to them."""
        self._add("end of document")
        if self._external_names:
            return tuple(self._events)
        order = {key: number for number, key in enumerate(dict.fromkeys(self._entities))}
        plain = re.compile(r"([&%])([^\s;&%]+);")

        def number(match: re.Match[str]) -> str:
            position = order.get((match[1] == "%", match[2]))
            return match[0] if position is None else f"{match[1]}\0{position};"

        def rename(event: Event) -> Event:
            if event[0] == "entity":
                value = event[3]
                new_value = plain.sub(number, value) if isinstance(value, str) else value
                return ("entity", event[1], order[(bool(event[1]), str(event[2]))], new_value, *event[4:])
            if event[0] == "reference":
                return ("reference", plain.sub(number, str(event[1])))
            return event

        return tuple(rename(event) for event in self._events)

    def XmlDeclHandler(self, version: str, encoding: str | None, standalone: int) -> None:  # noqa: N802
        self._add("declaration", version, encoding, standalone)

    def StartDoctypeDeclHandler(self, name: str, system: str | None, public: str | None, _: int) -> None:  # noqa: N802
        self._external_names |= system is not None
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
        self._external_names |= bool(parameter) and system is not None
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
        """Adds an instruction; splits a style sheet's into pseudo-attributes (https://www.w3.org/TR/xml-stylesheet/)."""
        if target == "xml-stylesheet" and _PSEUDO_ATTRIBUTES.fullmatch(data):
            pairs = _PSEUDO_ATTRIBUTE.findall(data)
            self._add("instruction", target, tuple(sorted((name, a or b) for name, a, b in pairs)))
        else:
            self._add("instruction", target, data)
