"""Models for elsewhere: files, PyTorch, ONNX, C. What writes them is loaded when first used."""

from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from chainrule import validation
from chainrule.stack import Stack

if TYPE_CHECKING:
    from chainrule.model import Trainable


class Portable(Stack):
    """A model that can be written down."""

    def save(self, path: "str | PathLike[str]", *, include_optimizer: bool = True) -> None:
        """Write the model to a safetensors file, which `chainrule.load` reads.

        Whatever happens, a crash or a full disk included, either the file that was there before or the new one is there and whole.

        Parameters
        ----------
        path : path-like
            The file; its folder exists.
        include_optimizer : bool, default True
            Whether the last training's optimizer state, place and history are written too, where there has been one, so that it
            can go on. It makes the file up to three times as large.

        Raises
        ------
        TypeError
            For what a file cannot hold, before anything is written: functions given in Python, `Lambda` among them; classes of one's
            own, but for a `Composite` in a `Model`, which is taken apart. What to do: pickle the model, or keep `parameters` with
            ``np.savez`` and give them to `set_parameters` of a model built in Python again.
        OSError
            As the system says, with the file's name; a file that was there is as before.
        ChainruleError
            Before the model is built, and while another thread trains it.
        ImportError
            Without the package safetensors.

        Notes
        -----
        The parameters are stored as `state_dict` gives them. In PyTorch, ``safetensors.torch.load_file(path)`` reads them for
        ``load_state_dict`` of a net with the same layers; where the optimizer is included, leave out the names that begin with
        "training/". The metadata's key "chainrule" holds JSON: architecture, training and a SHA-256 of the file.

        Examples
        --------
        >>> import tempfile
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/net.safetensors")
        ...     cr.load(f"{folder}/net.safetensors").parameters().keys() == model.parameters().keys()
        True
        """
        from chainrule import saving  # few programs need it

        saving.save(cast("Trainable", self), path, validation.flag(include_optimizer, "save", "include_optimizer"))

    def to_torch(self) -> Any:
        """Return the model as a module of PyTorch's, with copies of the parameters.

        Returns
        -------
        torch.nn.Module
            In evaluation mode, of the model's dtype; its parameters are named as `state_dict` names them. Where layers simply follow
            one another it is a ``torch.nn.Sequential``: an activation that is part of a `Dense` is a module of its own after it,
            called "0-relu" for instance, and for an `Input` with a scale there is a module "scale" in front. For any other structure
            it is a ``torch.fx.GraphModule``, whose ``code`` can be read: it takes a tensor ``x``, or of several inputs tensors
            ``x_<input>`` in their order, and returns a tensor, or of several outputs a tuple.

        Raises
        ------
        TypeError
            For layers that PyTorch has not, such as functions given in Python, and for layers with the name of a method of
            PyTorch's modules, such as "train".
        ChainruleError
            Before the model is built.
        ImportError
            Without PyTorch.

        Notes
        -----
        An `Embedding` of all columns in a row of layers is a ``torch.nn.Embedding``, which takes whole numbers of an integer type.
        Elsewhere the numbers may stand among values: what is behind the point is cut off there, where `predict` refuses it.
        """
        from chainrule import torch_modules

        return torch_modules.to_torch(self)

    def export_onnx(self, path: "str | PathLike[str]") -> None:
        """Write the model, without dropout, as an ONNX file, for any number of rows.

        A `Sequential` has one input "x" of shape (rows, features) and one output "y"; a `Model` has the names of its own.

        Parameters
        ----------
        path : path-like
            The file, which is replaced as a whole.

        Raises
        ------
        TypeError
            For layers that ONNX has no words for here: functions given in Python.
        ValueError
            For more than 2 GB of parameters, which is as much as such a file holds, and for an input and an output of one name.
        OSError
            As the system says.
        ChainruleError
            Before the model is built.
        ImportError
            Without the package onnx.

        Notes
        -----
        Opset 17, which ONNX Runtime reads from version 1.12 on; checked by ``onnx.checker``. In the model's dtype: outputs of ONNX Runtime
        and of `predict` agree within 1e-6 of the largest output for float32, 1e-14 for float64.

        The file's `Embedding` does not check its numbers: it cuts off what is behind the point, and the runtime may take a negative
        number from the table's end. `predict` refuses both.

        Examples
        --------
        >>> import tempfile
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(3, "gelu"), cr.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.export_onnx(f"{folder}/net.onnx")
        """
        from chainrule import onnx_export

        onnx_export.export(self, path)

    def export_c(self, path: "str | PathLike[str]", *, name: str = "model") -> None:
        """Write the model, without dropout, as one C99 header that needs nothing but ``<math.h>``.

        It defines ``static inline void <name>_predict(const float *x, float *y)`` for one row (``double`` for a float64 model), which
        allocates nothing, and the macros ``<NAME>_FEATURES`` and ``<NAME>_OUTPUTS``. Of several inputs or outputs there is one argument
        and one macro each: ``x_<input>``, ``<NAME>_FEATURES_<INPUT>``.

        Parameters
        ----------
        path : path-like
            The file, which is replaced as a whole.
        name : str, default "model"
            The prefix of all that the header defines: a C identifier.

        Raises
        ------
        TypeError
            For functions given in Python.
        ValueError
            For a name that C does not take.
        OSError
            As the system says.
        ChainruleError
            Before the model is built.

        Notes
        -----
        Parameters are written as hexadecimal literals, exactly: about 18 bytes for each of float32, 25 of float64. The intermediate values
        of a row lie on the stack. A number that an `Embedding` does not know gives NaN.

        Sums run in the order that `predict` uses, through ``fma`` where the compiler says that it is fast (``FP_FAST_FMAF``): then
        networks of Dense layers with relu, leaky_relu or no activation give the same bits. Otherwise, and with the C library's exp,
        tanh and erfc, outputs differ by rounding: in tests by less than 2e-6 of the largest output for float32 and 4e-15 for float64.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(3, "tanh"), cr.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.export_c(f"{folder}/net.h", name="net")
        ...     header = Path(f"{folder}/net.h").read_text()
        >>> "static inline void net_predict(const float *x, float *y)" in header
        True
        """
        from chainrule import c_export

        c_export.export(self, path, name)
