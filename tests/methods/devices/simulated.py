"""A torch device that exists in the tests alone: tensors that are on it hold their values in the processor's memory.

A GPU refuses an operation on a tensor of its own and one that was left on the processor. So does this device, so that
tests without a GPU notice such a tensor; and since its values are real, a method can train on it and its predictions
can be compared with those on the processor.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "simulated"
COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}


class DeviceMismatch(Exception):
    """An operation got tensors of this device and of the processor."""


class _Backend(_DummyBackendModule):
    """What torch asks a device's module for."""

    @staticmethod
    def get_amp_supported_dtype() -> list[torch.dtype]:
        return [torch.bfloat16]


_setup_privateuseone_for_python_backend(NAME, _Backend())


class SimulatedTensor(torch.Tensor):
    """A tensor on the device; ``values`` are those of it, on the processor."""

    values: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> "SimulatedTensor":
        out = torch.Tensor._make_wrapper_subclass(
            cls,
            values.shape,
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=f"{NAME}:0",
        )
        out.values = values
        return out

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, dict(kwargs or {}))


class _Factories(TorchDispatchMode):
    """Passes on what no tensor of the device takes part in, such as ``torch.zeros(3, device=…)``."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, dict(kwargs or {}))


def _run(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensors = [value for value in pytree.tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
    own = [value for value in tensors if isinstance(value, SimulatedTensor)]
    # A scalar on the processor may take part in an operation on a GPU.
    left = [value for value in tensors if not isinstance(value, SimulatedTensor) and value.dim()]
    if own and left and func not in COPIES:
        raise DeviceMismatch(f"{func}: a tensor of shape {tuple(left[0].shape)} was left on the processor")
    to_device = bool(own) if func is not torch.ops.aten.copy_.default else isinstance(args[0], SimulatedTensor)
    if kwargs.get("device") is not None:
        to_device = torch.device(kwargs["device"]).type == NAME
        kwargs["device"] = "cpu"
    wrapped = {id(value.values): value for value in own}

    def unwrap(value: Any) -> Any:
        return value.values if isinstance(value, SimulatedTensor) else value

    def wrap(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not to_device:
            return value
        return wrapped[id(value)] if id(value) in wrapped else SimulatedTensor(value)

    result = func(*pytree.tree_map(unwrap, args), **pytree.tree_map(unwrap, kwargs))
    return pytree.tree_map(wrap, result)


@contextmanager
def simulated_device() -> Iterator[str]:
    """Within it, tensors can be put on the device, by its name.

    Inference mode is without gradients only: torch cannot wrap a tensor that was made in it.
    """
    inference_mode = torch.inference_mode
    torch.inference_mode = torch.no_grad  # type: ignore[assignment, misc]
    try:
        with _Factories():
            yield NAME
    finally:
        torch.inference_mode = inference_mode  # type: ignore[misc]
