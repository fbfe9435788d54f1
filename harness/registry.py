"""Registration and discovery of methods, method families and benchmarks.

Built-in ones are modules in the folders ``methods`` and ``benchmarks``. Other packages use the entry-point groups
``harness.methods`` and ``harness.benchmarks``, and ``--plugin path.py`` loads a single file. None of these modules may
import a heavy library at top level, so that discovery stays fast.
"""

import contextlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_args

from harness import hashing, plugin_code
from harness.benchmark import Benchmark, BenchmarkInfo, BenchmarkRef
from harness.errors import UserError, nearest
from harness.method import (
    CODE,
    KINDS,
    PLUGIN,
    TAGS,
    AdaptedMethod,
    FamilyInfo,
    Kind,
    Method,
    MethodInfo,
    MethodRef,
    Tag,
)
from harness.space import Space, check_space
from harness.strategy import ABILITY_NAMES, LearnerInfo, StrategyInfo

M = TypeVar("M", bound=type[Method])
F = TypeVar("F", bound=type[AdaptedMethod])
B = TypeVar("B", bound=type[Benchmark])

RESERVED = frozenset(("all", "controls", "heavy"))  # names of groups of methods in --method
_methods: dict[str, MethodInfo] = {}
_discovering = False  # whether modules are being imported that worker processes can import too
_families: dict[str, FamilyInfo] = {}
_benchmarks: dict[str, BenchmarkInfo] = {}
learners: dict[str, LearnerInfo] = {}  # filled by `harness.pairs`
strategies: dict[str, StrategyInfo] = {}
_discovered: set[str] = set()
_plugins: dict[Path, "_PluginCode"] = {}
_loading: "_PluginCode | None" = None  # the plug-in that is being loaded
_PACKAGES = ("methods", "benchmarks")  # searched by `discover`; other distributions extend them by entry points
# Folders of ``methods`` whose modules register methods, learners, strategies or families.
_REGISTERING = ("adapters", "learners", "strategies")
_SHARED = frozenset(("base", "neural"))  # folders of ``methods`` that hold shared code and register nothing
_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-"


def register_method(
    name: str,
    *,
    version: int,
    summary: str,
    kind: Kind = "ranked",
    tags: Iterable[Tag] = (),
    reference: str = "",
    requires: Iterable[str] = (),
    shared: str = "",
    contrasts: Iterable[str] = (),
) -> Callable[[M], M]:
    """Registers a `Method` subclass under a name.

    Args:
        name: letters a-z, digits and hyphens.
        version: raise it whenever the same data and seed may give another result.
        summary: one line for ``harness list methods``.
        kind: ``ranked``, ``control`` (it exists to falsify a claim), ``fixed`` (not trained here) or ``heavy`` (left
            out of ``--method all``: its cells take many times as long, or few scenarios have what it needs).
        tags: what the method uses beside payloads and labels: ``text``, ``groups``, ``span``, which it is given, or
            ``rules`` for attacks that people wrote, which it has.
        reference: the paper that the method implements.
        requires: modules that ``fit`` imports; they are checked before the run and imported once before cells fork.
        shared: name of the step that ``prepare`` computes once for all methods with the same name here.
        contrasts: methods that it claims to outperform, in the order in which this is tested. A method with contrasts
            is not used as a baseline of the leaderboard.

    Raises:
        UserError: the name is taken or malformed, the kind or a tag is unknown, the search space is malformed, or an
            abstract method is not defined.
    """

    def decorate(cls: M) -> M:
        check_name(name)
        check_declaration(name, kind, tags)
        check_complete(f"method {name}", cls, cls.space)
        cls.info = MethodInfo(
            name=name,
            version=version,
            kind=kind,
            tags=frozenset(tags),
            summary=summary,
            reference=reference,
            requires=tuple(requires),
            shared=shared,
            contrasts=tuple(contrasts),
            origin=cls.__module__,
            factory=cls,
            space=cls.space,
            **code_fields(cls),
        )
        add(cls.info)
        return cls

    return decorate


def check_declaration(name: str, kind: str, tags: Iterable[str]) -> None:
    """Checks the kind and the tags of a method or a strategy.

    Raises:
        UserError: one of them is unknown.
    """
    if kind not in KINDS:
        raise UserError(f"method {name}: kind={kind!r} is unknown, {nearest(str(kind), list(KINDS))}")
    if unknown := set(tags) - set(TAGS):
        raise UserError(f"method {name}: tag {min(unknown)!r} is unknown, {nearest(min(unknown), list(get_args(Tag)))}")


def check_complete(owner: str, cls: type, space: Space) -> None:
    """Checks that a class defines all abstract methods and a valid search space.

    Raises:
        UserError: it does not; the message begins with ``owner``.
    """
    check_space(owner, space)
    if undefined := getattr(cls, "__abstractmethods__", ()):
        raise UserError(f"{owner}: {cls.__name__} does not define {', '.join(sorted(undefined))}.")


def add(info: MethodInfo) -> None:
    """Adds a method.

    Raises:
        UserError: another class has registered a method of its name.
    """
    register_in(_methods, info, "method")


def add_pair(info: MethodInfo) -> None:
    """Adds a strategy on a learner, in place of an earlier one of its name: both names were checked themselves."""
    _methods[info.name] = info


def loading_plugin() -> str:
    """Returns the path of the plug-in that is being loaded; empty if none is."""
    return "" if _loading is None else str(_loading.file)


def unregistered_method(cls: type[Method], name: str) -> MethodInfo:
    """Returns the description of a `Method` subclass that is passed to a run without being registered.

    Raises:
        UserError: the name is malformed or taken by another method, the search space is malformed, or an abstract
            method is not defined.
    """
    check_name(name)
    holder = _methods.get(name)
    if holder is not None and holder.factory is not cls:
        raise UserError(f"the method name {name} is already used by {holder.origin}; choose another name.")
    check_complete(f"method {name}", cls, cls.space)
    summary = (cls.__doc__ or cls.__name__).strip().splitlines()[0]
    info = MethodInfo(
        name, 1, "ranked", frozenset(), summary, "", (), "", (), cls.__module__, cls, cls.space, **_code_of(cls)
    )
    if "info" not in vars(cls):
        cls.info = info
    return info


@dataclass
class _PluginCode:
    """A plug-in, and the digest of the code that was loaded from it."""

    file: Path
    digest: str = ""

    def content(self) -> dict[str, str]:
        """Returns what of the plug-in is part of its methods' keys; the place of its file is not."""
        return {PLUGIN: self.digest}


def code_fields(cls: type) -> dict[str, Any]:
    """Returns the fields of a method's description that say where its code is, unless its version stands for it."""
    if _loading is not None:
        return {"content": _loading.content, "plugin": str(_loading.file)}
    return {} if _is_discovered(cls.__module__) else _code_of(cls)


def _is_discovered(module: str) -> bool:
    """Whether worker processes register the classes of a module by themselves, whoever imports it first here."""
    if _discovering or module.partition(".")[0] == "harness":
        return True
    modules = (entry.module for entries in _entry_points().values() for entry in entries)
    return any(module == other or module.startswith(f"{other}.") for other in modules)


def _code_of(cls: type) -> dict[str, Any]:
    """Returns the fields of a class that workers cannot import by discovery, such as one of a notebook.

    It is pickled for the workers, and a hash of its code enters the key: editing a notebook cell makes another method.
    """
    return {"in_memory": True, "content": lambda: {CODE: hashing.of_code(cls)}}


def register_method_family(
    name: str, *, version: int, argument: str, summary: str, kinds: str = "fixed", requires: Iterable[str] = ()
) -> Callable[[F], F]:
    """Registers an `AdaptedMethod` subclass, whose methods are named ``name:ARGUMENT``.

    Args:
        name: letters a-z, digits and hyphens.
        version: raise it whenever the same content, data and seed may give another result.
        argument: name of the part after the colon, in capitals.
        summary: one line for ``harness list methods``.
        kinds: the possible kinds of its methods, in words.
        requires: as in `register_method`.

    Raises:
        UserError: the name is taken or malformed.
    """

    def decorate(cls: F) -> F:
        check_name(name)
        origin, plugin = cls.__module__, loading_plugin()
        info = FamilyInfo(name, version, argument, kinds, summary, tuple(requires), origin, cls, plugin)
        register_in(_families, info, "method family")
        return cls

    return decorate


def check_name(name: str) -> None:
    """Checks the name of a method, a learner, a strategy or a family.

    Raises:
        UserError: it has other characters than letters a-z, digits and hyphens, or is reserved.
    """
    if not name or set(name) - set(_NAME):
        raise UserError(f"the method name {name!r} may contain only a-z, 0-9 and hyphens.")
    if name in RESERVED:
        raise UserError(f"the method name {name} is reserved for a group of methods; choose another.")


def register_benchmark(name: str, *, summary: str, argument: str | None = None) -> Callable[[B], B]:
    """Registers a `Benchmark` subclass under a name.

    Args:
        name: name of the benchmark.
        summary: one line for ``harness list benchmarks``.
        argument: name of the part after the colon in ``name:ARGUMENT``; None if there is no argument.

    Raises:
        UserError: the name is taken.
    """

    def decorate(cls: B) -> B:
        register_in(_benchmarks, BenchmarkInfo(name, summary, argument, cls.__module__, cls), "benchmark")
        return cls

    return decorate


Info = TypeVar("Info", MethodInfo, FamilyInfo, BenchmarkInfo, LearnerInfo, StrategyInfo)


def register_in(table: dict[str, Info], info: Info, what: str) -> None:
    """Adds a description under its name; one of the same class is replaced, so that notebook cells can be rerun."""
    holder = table.get(info.name)
    if holder is not None and not _same_class(holder.factory, info.factory):
        raise UserError(
            f"the {what} name {info.name} is registered twice, by {holder.origin} and by {info.origin}; rename one."
        )
    table[info.name] = info


def _same_class(one: object, other: object) -> bool:
    name, other_name = ((getattr(x, "__module__", None), getattr(x, "__qualname__", None)) for x in (one, other))
    return name == other_name and None not in name


def discover(plugins: Iterable[str] = ()) -> None:
    """Imports all built-in, entry-point and plug-in modules; each only once per process.

    Raises:
        UserError: a plug-in file is missing or fails to load, or two of them use the same name.
    """
    with _discovery():
        for package in _PACKAGES:
            if package not in _discovered:
                _discovered.add(package)
                _import_package(f"harness.{package}")
                for entry in _entry_points()[package]:
                    _guard(f"the entry point {entry.name} ({entry.value})", entry.load)
        for plugin in plugins:
            load_plugin(plugin)


@cache
def _entry_points() -> dict[str, EntryPoints]:
    """Returns the entry points by package; once per process, since this opens a file of every installed package."""
    installed = entry_points()
    return {package: installed.select(group=f"harness.{package}") for package in _PACKAGES}


@contextlib.contextmanager
def _discovery() -> Iterator[None]:
    global _discovering
    previous, _discovering = _discovering, True
    try:
        yield
    finally:
        _discovering = previous


def _import_package(name: str) -> None:
    places = list(importlib.import_module(name).__path__)
    modules = [(name, module) for module in pkgutil.iter_modules(places) if module.name not in _SHARED]
    for part in _REGISTERING:
        inside = [str(Path(place) / part) for place in places]
        modules += [(f"{name}.{part}", module) for module in pkgutil.iter_modules(inside)]
    for package, module in modules:
        importlib.import_module(f"{package}.{module.name}")


def load_plugin(path: str) -> None:
    """Loads a plug-in file; again if its code has changed since this process loaded it. See `discover` for the errors.

    What a plug-in registered before is forgotten when it is loaded again.
    """
    global _loading
    file = Path(path).resolve()
    if not file.is_file():
        several = " Repeat --plugin for several files." if "," in path else ""
        raise UserError(f"--plugin {path}: there is no such file.{several}")
    name = f"harness_plugin_{file.stem}"
    if file in _plugins:
        if _plugins[file].digest == plugin_code.digest(file):
            return
        _forget(file, name)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: it must be a Python file (*.py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    count = _registered()
    _plugins[file] = _loading = _PluginCode(file)
    try:
        _guard(f"--plugin {path}", lambda: _execute(spec.loader, module))
        if _registered() == count:
            raise UserError(f"--plugin {path} registers nothing; use @register_method or @register_benchmark in it.")
        _loading.digest = plugin_code.digest(file)  # after it ran, since a plug-in may extend the path of its imports
    except BaseException:
        _forget(file, name)
        raise
    finally:
        _loading = None


def _registered() -> int:
    return len(_methods) + len(_families) + len(_benchmarks) + len(learners) + len(strategies)


def _forget(file: Path, module: str) -> None:
    """Removes what a plug-in registered, and its own modules, so that loading it again imports them as they are now."""
    del _plugins[file]
    _drop(_methods, module)
    _drop(_families, module)
    _drop(_benchmarks, module)
    _drop(learners, module)
    _drop(strategies, module)
    for name, source in plugin_code.sources(file).items():
        if name and getattr(sys.modules.get(name), "__file__", None) == str(source):
            del sys.modules[name]


def _drop(table: dict[str, Info], module: str) -> None:
    for name in [name for name, info in table.items() if info.origin == module]:
        del table[name]


def plugin_of(name: str) -> str | None:
    """Returns the digest of the plug-in that registered a method, or the family of ``FAMILY:ARGUMENT``.

    It is empty for methods whose version stands for their code; None if no method of that name is registered.
    """
    info = _methods.get(name) or _families.get(name.partition(":")[0] if ":" in name else "")
    if info is None:
        return None
    return _plugins[Path(info.plugin)].digest if info.plugin else ""


def _execute(loader: object, module: ModuleType) -> None:
    loader.exec_module(module)  # type: ignore[attr-defined]


def _guard(what: str, load: Callable[[], object]) -> None:
    try:
        load()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        advice = " PYTHONPATH names folders with modules of your own." if isinstance(error, ModuleNotFoundError) else ""
        raise UserError(f"{what} failed to load: {type(error).__name__}: {error}.{advice}") from error


def methods() -> dict[str, MethodInfo]:
    """Returns all registered methods by name, sorted."""
    return dict(sorted(_methods.items()))


def families() -> dict[str, FamilyInfo]:
    """Returns all registered method families by name, sorted."""
    return dict(sorted(_families.items()))


def benchmarks() -> dict[str, BenchmarkInfo]:
    """Returns all registered benchmarks by name, sorted."""
    return dict(sorted(_benchmarks.items()))


def method(name: str) -> MethodInfo:
    """Returns the registered method of a name.

    Raises:
        UserError: no method has that name; the message suggests similar names.
    """
    if name not in _methods and name in strategies:
        pairs = [pair for pair in _methods if pair.startswith(f"{name}:")]
        raise UserError(f"{name} is a strategy, which is trained on a learner; use {' or '.join(pairs)}.")
    if name not in _methods:
        raise UserError(
            f"there is no method named {name} (load your own with --plugin); {nearest(name, list(_methods))}"
        )
    return _methods[name]


def open_method(ref: MethodRef) -> MethodInfo:
    """Opens a method of a family, named ``FAMILY:ARGUMENT``.

    Raises:
        UserError: no family has that name, or the argument is missing or cannot be used.
    """
    family = _families.get(ref.family)
    if family is None and ref.family in strategies:
        raise UserError(_no_pair(ref.family, ref.argument))
    if family is None:
        raise UserError(f"there is no method family named {ref.family}; {nearest(ref.family, list(_families))}")
    if not ref.argument.strip():
        raise UserError(f"the method family {ref.family} requires an argument: {ref.family}:{family.argument}.")
    return describe_adapted(family.factory(ref), family)


def _no_pair(strategy: str, learner: str) -> str:
    """Says why there is no method of a strategy on a learner."""
    fitting = [name.partition(":")[2] for name in _methods if name.startswith(f"{strategy}:")]
    if learner not in learners:
        return f"there is no learner named {learner}; {nearest(learner, fitting)}"
    missing = sorted(strategies[strategy].factory.needs - learners[learner].factory.abilities)
    needs = " and ".join(ABILITY_NAMES[ability] for ability in missing) or "a learner of its own plug-in"
    return f"the strategy {strategy} needs {needs}, which {learner} does not have; it works with {', '.join(fitting)}."


def describe_adapted(method: AdaptedMethod, family: FamilyInfo) -> MethodInfo:
    """Returns the description of a method of a family, and stores it in ``method.info``.

    Raises:
        UserError: its search space is malformed.
    """
    check_space(f"method {method.ref}", method.space)
    method.info = MethodInfo(
        name=str(method.ref),
        version=family.version,
        kind=method.kind,
        tags=method.tags,
        summary=family.summary,
        reference="",
        requires=family.requires,
        shared=method.shared,
        contrasts=(),
        origin=method.origin or family.origin,
        factory=lambda: method,
        space=method.space,
        ref=method.ref,
        content=_with_plugin(method, family),
        in_memory=method.in_memory,
        plugin=family.plugin,
    )
    return method.info


def _with_plugin(method: AdaptedMethod, family: FamilyInfo) -> Callable[[], Mapping[str, Any]]:
    """Returns the content of a method of a family, with the code of the plug-in if one registered the family."""
    if not family.plugin:
        return method.content
    code = _plugins[Path(family.plugin)]
    return lambda: {**method.content(), **code.content()}


def version_of(name: str) -> int | None:
    """Returns the version of a method, or of its family for ``FAMILY:ARGUMENT``; None if it is not registered."""
    info = _methods.get(name) or _families.get(name.partition(":")[0] if ":" in name else "")
    return None if info is None else info.version


def open_benchmark(ref: BenchmarkRef) -> Benchmark:
    """Opens the benchmark of a reference, with its target corpus and extra texts if the reference names them.

    Raises:
        UserError: no benchmark has that name, or an argument is missing or not allowed.
    """
    info = _benchmarks.get(ref.name)
    if info is None:
        if Path(str(ref)).exists():
            raise UserError(f"{ref} is a file or a folder, not a benchmark; use files:{ref}.")
        raise UserError(f"there is no benchmark named {ref.name}; {nearest(ref.name, list(_benchmarks))}")
    if info.argument is None and ref.argument is not None:
        raise UserError(f"the benchmark {ref.name} takes no argument, but {ref.argument!r} was given.")
    if info.argument is not None and not ref.argument:
        raise UserError(f"the benchmark {ref.name} requires an argument: {ref.name}:{info.argument}.")
    benchmark = info.factory(replace(ref, target=None, text=None))
    if ref.target is not None:
        from harness.scenarios.cross_corpus import CrossSource

        benchmark = CrossSource(benchmark, open_benchmark(ref.target))
    if ref.text is not None:
        from harness.scenarios.extra_descriptions import WithTexts

        benchmark = WithTexts(benchmark, open_benchmark(ref.text))
    return benchmark
