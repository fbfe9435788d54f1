"""Methods with one fault each, and one without: what the conformance suite must tell apart."""

import pickle
import time

import numpy as np

from harness import Categorical, Float, Method, Predictor, UserError, register_method
from harness.records import predictor_files

SPACE = {"sharpness": Float(1.0, 100.0, default=30.0)}


def table_of(payloads):
    rows = np.zeros((len(payloads), 1024))
    for row, payload in enumerate(payloads):
        codes = np.frombuffer(payload, np.uint8).astype(np.int64)
        hashed = (codes[2:] * 961 + codes[1:-1] * 31 + codes[:-2]) % 1024
        np.add.at(rows[row], hashed, 1.0)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


class Centroids(Predictor):
    """A faultless predictor, from which faulty ones derive."""

    def __init__(self, means):
        self.means = means

    def scores(self, payloads):
        return table_of(payloads) @ self.means.T

    def predict_proba(self, payloads):
        shares = np.exp(30 * self.scores(payloads))
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)

    def save(self, folder):
        predictor_files.write_arrays(folder, {"means": self.means})


class Faultless(Method):
    space = SPACE
    predictor = Centroids

    def fit(self, train, validation, params, context):
        if context.should_stop():
            return self.predictor(np.eye(len(context.classes), 1024))
        rows = table_of(train.payloads)
        means = [rows[train.labels == c].sum(axis=0) for c in range(len(context.classes))]
        return self.predictor(np.array([m / max(np.linalg.norm(m), 1) for m in means]))

    def load(self, folder, context):
        return type(self).predictor(predictor_files.read_arrays(folder)["means"])


def faulty(name, summary="has a fault", version=1, space=SPACE, predictor=Centroids, tags=(), **methods):
    """Registers a method that differs from the faultless one in what is given."""
    members = {"__module__": __name__, "space": space, "predictor": predictor, **methods}
    register_method(name, version=version, summary=summary, tags=tags)(type("Faulty", (Faultless,), members))


def predicting(change):
    """A predictor whose table is changed before it is returned; ``change(table, payloads)``."""

    class Changed(Centroids):
        def predict_proba(self, payloads):
            return change(super().predict_proba(payloads), payloads)

    return Changed


def fitting(before):
    """A fit that does something first; ``before(train, context)``."""

    def fit(self, train, validation, params, context):
        before(train, context)
        return Faultless.fit(self, train, validation, params, context)

    return fit


def refuse(error):
    raise error


def counted(context):
    context.count(10, 1)
    return {}


def is_there(part):
    return part is not None and len(getattr(part, "texts", part)) > 0


def look(train, expected):
    for name in ("descriptions", "groups", "environments", "cues", "spans"):
        assert expected(getattr(train, name)), name


faulty("faultless")
faulty("hungry", tags=("text", "groups", "span"), fit=fitting(lambda train, context: look(train, is_there)))
faulty("frugal", fit=fitting(lambda train, context: look(train, lambda part: part is None)))
faulty("no-summary", summary=" ")
faulty("version-zero", version=0)
faulty("does-not-fit", fit=fitting(lambda train, context: refuse(KeyError("on purpose"))))
faulty("returns-nothing", fit=lambda self, train, validation, params, context: None)
faulty("reports-nan", fit=fitting(lambda train, context: context.report(0, float("nan"))))
faulty("counts-once", fit=fitting(lambda train, context: context.shared("counts-once", "", lambda: counted(context))))
faulty("float64", predictor=predicting(lambda table, payloads: table.astype(np.float64)))
faulty("sums-to-two", predictor=predicting(lambda table, payloads: table * 2))
faulty("too-wide", predictor=predicting(lambda table, payloads: np.hstack([table, table]) / 2))
faulty("trips-over-nothing", predictor=predicting(lambda table, payloads: table if len(table) else table[0]))
faulty("blind", predictor=predicting(lambda table, payloads: np.full_like(table, 1 / table.shape[1])))
faulty("untuned", space={})
faulty("one-choice", space={"sharpness": Categorical((30.0,), default=30.0)})
faulty("floor", space={}, predictor=predicting(lambda table, payloads: np.full_like(table, 1 / table.shape[1])))
faulty("transductive", predictor=predicting(lambda table, payloads: np.roll(table, len(table) % 2, axis=1)))


class Unseeded(Centroids):
    def __init__(self, means):
        super().__init__(means + np.random.default_rng().normal(scale=0.01, size=means.shape))


faulty(
    "unseeded",
    predictor=Unseeded,
    load=lambda self, folder, context: Centroids(predictor_files.read_arrays(folder)["means"]),
)
faulty("fickle", predictor=predicting(lambda table, payloads: _jittered(table)))


def _jittered(table):
    shares = table + np.random.default_rng().random(table.shape, dtype=np.float32) * np.float32(1e-3)
    return shares / shares.sum(axis=1, keepdims=True)


def overwrite(table, payloads):
    payloads.data.flags.writeable = True
    payloads.data[:1] = 0
    return table


faulty("changes-labels", fit=fitting(lambda train, context: train.labels.__setitem__(0, train.labels[0] ^ 1)))
faulty("changes-payloads", predictor=predicting(overwrite))
faulty("deaf", fit=fitting(lambda train, context: [context.should_stop() for _ in range(200)]))
faulty("slow", fit=fitting(lambda train, context: time.sleep(0.5)))
faulty("raises-when-told", fit=fitting(lambda train, context: context.should_stop() and refuse(ValueError("stopped"))))
faulty("says-why", fit=fitting(lambda train, context: context.should_stop() and refuse(UserError("too little time."))))
faulty("utf-8-only", predictor=predicting(lambda table, payloads: ([p.decode() for p in payloads], table)[1]))
faulty("no-empty", fit=fitting(lambda train, context: train.payloads.lengths.min() or refuse(ValueError("empty"))))
faulty(
    "two-rows", fit=fitting(lambda train, context: (np.bincount(train.labels) == 1).any() and refuse(ValueError("1")))
)
faulty("every-class", fit=fitting(
    lambda train, context: len(np.unique(train.labels)) < len(context.classes) and refuse(ValueError("0"))
))  # fmt: skip


def pad(payloads, depth):
    """One vector of floats per byte, every payload as long as the longest."""
    return np.ones((len(payloads), int(payloads.lengths.max(initial=0)), depth), np.float32)


faulty("pads-in-prediction", predictor=predicting(lambda table, payloads: (pad(payloads, 12), table)[1]))
faulty("pads-in-training", fit=fitting(lambda train, context: pad(train.payloads, 24)))
faulty(
    "forgets",
    load=lambda self, folder, context: self.predictor(np.round(predictor_files.read_arrays(folder)["means"], 1)),
)
faulty("saves-only", load=Method.load)


class Pickled(Centroids):
    def save(self, folder):
        (folder / "means.bin").write_bytes(pickle.dumps(self.means))


faulty(
    "pickles",
    predictor=Pickled,
    load=lambda self, folder, context: self.predictor(pickle.loads((folder / "means.bin").read_bytes())),
)


class Refusing(Centroids):
    save = Predictor.save


faulty("keeps-nothing", predictor=Refusing, load=Method.load)
