"""Speech embeddings: what sound is to a trained phrase, 96 numbers every 80 ms.

The two models (mel spectrum, embedding) and the TensorFlow Lite that runs them are inside the package
``pyopen-wakeword``. Its own ``process_streaming`` runs the second model anew for every 80 ms, on a thread for
every core, and after a reset over 8 s of nothing first. Both models are convolutions without padding:
given more at once they give the same numbers, up to eight times faster. So only the package's loading is used
here; the models are run at the length of what is at hand, and on one thread, which takes a third less CPU.
"""

import ctypes
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clawft.drivers.audio.engines import RATE, EngineFailed

Floats = NDArray[np.float32]

SIZE = 96
"""Numbers an embedding has."""
BANDS = 32
"""Mel bands of a frame."""
FRAME = 160
"""Samples from one mel frame to the next."""
OVERLAP = 352
"""Samples a frame reaches beyond the next one's begin: its window is 512. Pieces must overlap by as much."""
REACH = 76
"""Mel frames one embedding sees, 775 ms."""
HOP = 8
"""Mel frames from one embedding to the next, 80 ms."""
BLOCK = 60 * RATE
"""Samples given to the models at once: the memory they take grows with it."""


class SpeechEmbedding:
    """The two models. Not to be shared between threads: they write into tensors of their own."""

    def __init__(self) -> None:
        """Raises ``EngineFailed`` where the package is missing or does not fit this machine."""
        try:
            from pyopen_wakeword import OpenWakeWordFeatures

            # It owns the models and frees them when it goes.
            self._owner = OpenWakeWordFeatures.from_builtin()
        except ImportError as error:
            raise EngineFailed("trained phrases need pyopen-wakeword: pip install 'clawft[voice]'") from error
        except (OSError, ValueError) as error:
            raise EngineFailed(f"pyopen-wakeword does not run on this machine: {error}") from error
        self._mel = _Model(self._owner.lib, self._owner.mel_model)
        self._embedding = _Model(self._owner.lib, self._owner.emb_model)

    def mels(self, samples: NDArray[np.int16]) -> Floats:
        """``(frames, 32)``: one for every 160 samples after the first 352, scaled for the embedding."""
        return self._mel.run(samples.astype(np.float32)[None, :]).reshape(-1, BANDS) / np.float32(10) + 2

    def embed(self, mels: Floats) -> Floats:
        """``(1 + (frames - 76) // 8, 96)``; the first one is that of the first 76 frames."""
        fitting = REACH + (len(mels) - REACH) // HOP * HOP
        return self._embedding.run(mels[None, :fitting, :, None]).reshape(-1, SIZE)

    def whole(self, samples: NDArray[np.int16]) -> Floats:
        """The embeddings of a whole recording, ``(n, 96)``, none for one shorter than 0.8 s."""
        starts = range(0, max(1, len(samples) - OVERLAP), BLOCK)
        pieces = [
            self.mels(samples[at : at + BLOCK + OVERLAP]) for at in starts if len(samples) - at > 2 * OVERLAP
        ]
        mels = np.concatenate([np.empty((0, BANDS), np.float32), *pieces])
        steps = range(0, len(mels) - REACH + 1, BLOCK // FRAME)
        parts = [self.embed(mels[at : at + BLOCK // FRAME + REACH - HOP]) for at in steps]
        return np.concatenate([np.empty((0, SIZE), np.float32), *parts])


def ends(count: int) -> NDArray[np.int64]:
    """Up to which sample each of ``count`` embeddings of a whole recording has heard."""
    return OVERLAP + FRAME * (REACH + HOP * np.arange(count))


class _Model:
    """One TensorFlow Lite interpreter with one input and one output, of any length. See its c_api.h."""

    def __init__(self, lib: Any, model: Any) -> None:
        self._lib = lib
        lib.TfLiteInterpreterOptionsCreate.restype = ctypes.c_void_p
        options = ctypes.c_void_p(lib.TfLiteInterpreterOptionsCreate())
        lib.TfLiteInterpreterOptionsSetNumThreads(options, ctypes.c_int32(1))
        self._interpreter = lib.TfLiteInterpreterCreate(model, options)
        lib.TfLiteInterpreterOptionsDelete(options)
        weakref.finalize(self, lib.TfLiteInterpreterDelete, self._interpreter)
        self._shape: tuple[int, ...] = ()

    def run(self, values: Floats) -> Floats:
        values = np.ascontiguousarray(values, np.float32)
        if values.shape != self._shape:
            self._resize(values.shape)
        source = self._lib.TfLiteInterpreterGetInputTensor(self._interpreter, 0)
        self._lib.TfLiteTensorCopyFromBuffer(source, values.ctypes.data, values.nbytes)
        self._check(self._lib.TfLiteInterpreterInvoke(self._interpreter))
        result = self._lib.TfLiteInterpreterGetOutputTensor(self._interpreter, 0)
        found = np.empty(self._lib.TfLiteTensorByteSize(result) // 4, np.float32)
        self._lib.TfLiteTensorCopyToBuffer(result, found.ctypes.data, found.nbytes)
        return found

    def _resize(self, shape: tuple[int, ...]) -> None:
        sizes = (ctypes.c_int32 * len(shape))(*shape)
        self._check(self._lib.TfLiteInterpreterResizeInputTensor(self._interpreter, 0, sizes, len(shape)))
        self._check(self._lib.TfLiteInterpreterAllocateTensors(self._interpreter))
        self._shape = shape

    def _check(self, status: int) -> None:
        if status:
            raise EngineFailed(f"TensorFlow Lite of pyopen-wakeword failed with status {status}")
