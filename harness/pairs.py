"""Registers learners and strategies, and as methods every strategy on every learner that has what it needs."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from harness import hashing, registry
from harness.errors import UserError, nearest
from harness.method import CODE, Kind, MethodInfo, Tag
from harness.strategy import ABILITIES, Learner, LearnerInfo, PairedMethod, Plain, Strategy, StrategyInfo

L = TypeVar("L", bound=type[Learner])
S = TypeVar("S", bound=type[Strategy])
PLAIN = "plain"  # in the contrasts of a strategy: the learner without a strategy
_PLAIN_INFO = StrategyInfo(PLAIN, 1, "ranked", frozenset(), "", "", (), (), Plain.__module__, {}, Plain)


def register_learner(
    name: str,
    *,
    plain: str,
    version: int,
    summary: str,
    reference: str = "",
    requires: Iterable[str] = (),
    shared: str = "",
    main: Iterable[str] | None = None,
) -> Callable[[L], L]:
    """Registers a `Learner` subclass, and the methods ``STRATEGY:name`` of all strategies that work with it.

    Args:
        name: letters a-z, digits and hyphens.
        plain: name of the method that trains the learner without a strategy.
        version: raise it whenever the same data and seed may give another result; it counts for every strategy.
        summary: one line for ``harness list methods``.
        reference: the paper that the learner implements.
        requires: modules that ``fit`` imports; see `harness.register_method`.
        shared: name of the step that ``prepare`` computes; see `harness.register_method`.
        main: the strategies whose methods on this learner keep their kind; those of all others are ``heavy``, since
            the learner is too slow for all of them. None: all strategies.

    Raises:
        UserError: a name is taken or malformed, an ability is unknown, the search space is malformed, or an abstract
            method is not defined.
    """

    def decorate(cls: L) -> L:
        registry.check_name(name)
        registry.check_name(plain)
        holder = registry.methods().get(plain)
        if holder is not None and holder.origin != cls.__module__:
            raise UserError(f"learner {name}: the method name {plain} is already used by {holder.origin}; rename one.")
        owner = f"learner {name}"
        _check_abilities(owner, cls.abilities)
        registry.check_complete(owner, cls, {**cls.space, **(cls.loss_space or {})})
        info = LearnerInfo(
            name, plain, version, summary, reference, tuple(requires), shared,
            None if main is None else frozenset(main), cls.__module__, registry.code_fields(cls), cls,
        )  # fmt: skip
        registry.register_in(registry.learners, info, "learner")
        for strategy in (_PLAIN_INFO, *registry.strategies.values()):
            _pair(strategy, info)
        return cls

    return decorate


def register_strategy(
    name: str,
    *,
    version: int,
    summary: str,
    kind: Kind = "ranked",
    tags: Iterable[Tag] = (),
    reference: str = "",
    requires: Iterable[str] = (),
    contrasts: Iterable[str] = (PLAIN,),
) -> Callable[[S], S]:
    """Registers a `Strategy` subclass, and the methods ``name:LEARNER`` of all learners that have what it needs.

    Args:
        name: letters a-z, digits and hyphens.
        version: raise it whenever the same data and seed may give another result; it counts for every learner.
        summary: continues the name of the learner, one line for ``harness list methods``: "with a penalty on …".
        kind: ``ranked``, ``control`` (it exists to falsify a claim) or ``heavy``.
        tags: what it uses beside payloads and labels; see `harness.register_method`.
        reference: the paper that the strategy implements.
        requires: modules that ``fit`` imports beside those of the learner.
        contrasts: strategies that it claims to outperform on the same learner, in the order in which this is tested;
            ``plain`` is the learner without a strategy. Ignored for a control.

    Raises:
        UserError: the name is taken or malformed, the kind, a tag or an ability is unknown, the search space is
            malformed, or an abstract method is not defined.
    """

    def decorate(cls: S) -> S:
        registry.check_name(name)
        if name == PLAIN:
            raise UserError(f"the strategy name {name} is used for the learner without a strategy; choose another.")
        registry.check_declaration(name, kind, tags)
        owner = f"strategy {name}"
        _check_abilities(owner, cls.needs)
        registry.check_complete(owner, cls, cls.space)
        claims = () if kind == "control" else tuple(contrasts)
        info = StrategyInfo(
            name, version, kind, frozenset(tags), summary, reference, tuple(requires), claims, cls.__module__,
            registry.code_fields(cls), cls,
        )  # fmt: skip
        registry.register_in(registry.strategies, info, "strategy")
        for learner in registry.learners.values():
            _pair(info, learner)
        return cls

    return decorate


def _check_abilities(owner: str, abilities: Iterable[str]) -> None:
    if unknown := sorted(set(abilities) - set(ABILITIES)):
        raise UserError(f"{owner}: the ability {unknown[0]!r} is unknown; {nearest(unknown[0], list(ABILITIES))}")


def pair_name(strategy: str, learner: LearnerInfo) -> str:
    """Returns the name of the method that trains a learner by a strategy."""
    return learner.plain if strategy == PLAIN else f"{strategy}:{learner.name}"


def _pair(strategy: StrategyInfo, learner: LearnerInfo) -> None:
    """Registers the method of a strategy on a learner, unless the learner lacks an ability that the strategy needs."""
    if strategy.factory.needs <= learner.factory.abilities:
        code = _code(strategy.code, learner.code)
        if code is not None:
            registry.add_pair(_create(strategy, learner, code).info)


def _code(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Returns the fields of `MethodInfo` that say where the code of a pair is.

    None for two plug-ins, or a plug-in and a class in memory: the key of a method has the code of one of them, so that
    a change of the other would not be noticed. Such pairs are not registered.
    """
    if not one or not other:
        return one or other
    if one.get("plugin") == other.get("plugin") and "plugin" in one:
        return one
    if one.get("in_memory") and other.get("in_memory"):
        return {"in_memory": True, "content": lambda: {CODE: hashing.of_json([one["content"](), other["content"]()])}}
    return None


def _create(strategy: StrategyInfo, learner: LearnerInfo, code: Mapping[str, Any]) -> PairedMethod:
    """Returns the method of a strategy on a learner with its registration record; ``code`` are fields of that."""
    is_plain = strategy.name == PLAIN
    method = PairedMethod(strategy.factory(), learner.factory())
    is_heavy = learner.main is not None and not is_plain and strategy.name not in learner.main
    method.info = MethodInfo(
        name=pair_name(strategy.name, learner),
        version=strategy.version + learner.version - 1,  # rises with either
        kind="heavy" if is_heavy else strategy.kind,
        tags=strategy.tags,
        summary=learner.summary if is_plain else f"{learner.plain} {strategy.summary}",
        reference=learner.reference if is_plain else strategy.reference,
        requires=tuple(dict.fromkeys((*learner.requires, *strategy.requires))),
        shared=learner.shared,
        contrasts=tuple(pair_name(other, learner) for other in strategy.contrasts),
        origin=learner.origin if is_plain or (learner.code and not strategy.code) else strategy.origin,
        factory=partial(_create, strategy, learner, code),
        space=method.space,
        **code,
    )
    return method
