"""What PyTorch, Keras, ONNX and papers call things, and what is written for them here.

Entries say themselves what they are known as (`known_as`); here are the forms that are no entry, and how names are
compared: in any case, with or without `_`, the number of axes, and `Layer` or `Loss` at the end.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

from ..diagnostics import show
from ..ops import NAMES
from ..ops.composite import COMPOSITES
from .modules import PRELUDE_KNOWN_AS
from .names import COMBINATORS, CONVERTIBLE, split_suffix

WAYS = {
    "cat concat concatenate concatenation depthconcat hstack stack merge": "concatenate with brackets: `[f, g]`",
    "add plus addition eltwise elementwiseadd addn": "`{name}`: write `f + g`",
    "sub subtract minus": "`{name}`: write `f - g`",
    "mul multiply times prod hadamard": "`{name}`: write `f * g`",
    "div divide truediv": "`{name}`: write `f / g`",
    "sequential compose pipeline modulelist series": "layers after each other are a chain: `f -> g`",
    "parallel branches": "branches stand in brackets, which concatenate: `[f, g]`",
    "repeat loop": "repeat with `f * 3`, or `for c in [8, 16] {{ f(c) }}`",
    "activation nonlinearity act": "write the activation itself, such as relu, silu or sigmoid",
    "inputlayer placeholder": "a network begins with its input: `input 3x224x224 -> …`",
    "squeeze": "`flatten` makes a vector of C×1×1",
    "unsqueeze expanddims": "`reshape` gives a tensor other axes",
    "lstm gru rnn lstmcell grucell rnncell simplernn convlstm embedding": "networks here are "
    "convolutional: there are no recurrent layers and no embeddings of words",
}
"""Names that are forms of the language rather than layers, as `normal` has them."""

CHOICES = {
    "cosinerestarts cosineannealingwarmrestarts cosinedecayrestarts cosinewarmrestarts sgdr": "restarts are a chain of "
    "cosines: `cosine(length=10) -> cosine(length=20) -> cosine`",
    "polynomial poly polynomiallr polynomialdecay lineardecay": "`cosine`, `exponential`, `step` and `multistep` let "
    "the rate fall",
}
"""The same of what a `train` section chooses from."""

ARGUMENTS = {
    "kernel kernelsize poolsize windowsize": "k", "stride strides": "s", "padding pad pads": "p",
    "dilation dilationrate dilations": "d", "groups group": "g", "numgroups": "groups",
    "outchannels filters channels planes": "c", "outfeatures features units": "n", "usebias": "bias",
    "paddingmode": "pad_mode", "ceilmode": "ceil", "countincludepad": "count_pad", "outputpadding": "op",
    "depthmultiplier channelmultiplier": "m", "rate prob dropprob droprate dropout": "p", "epsilon": "eps",
    "negativeslope alpha slope": "a", "numheads nhead": "heads", "scalefactor upscalefactor": "scale",
    "outputsize outsize": "size", "lambd": "a", "learningrate": "lr", "betas": "beta1", "tmax totaliters": "length",
    "etamin minlr": "min_lr", "stepsize": "size", "warmupepochs warmupsteps": "length", "pctstart": "rise",
    "ignoreindex": "ignore", "labelsmoothing smoothing": "label_smoothing", "weightdecay": "weight_decay",
}  # fmt: skip
"""What other frameworks call arguments, and what they are called here."""
SURPLUS = {
    "inchannels infeatures numfeatures inputdim indim normalizedshape embeddim": "leave it out: the "
    "channels come from the input",
    "inplace": "leave it out: memory is reused by itself where that is possible",
    "inputshape": "the shape of the input stands in its line: `input 3x224x224 -> …`",
    "activation act": "write it after the layer: `conv3x3(8) -> relu`",
    "name": "a name stands behind: `conv3x3(8) as stem`",
    "device dtype": "leave it out: it is chosen when the network is run",
}
"""Arguments that other frameworks need and that mean nothing here."""

Known = dict[str, str]
"""What something is called here, by the normal form of each name that it has elsewhere."""


def normal(name: str) -> str:
    """A name as it is compared: without the package that it is from, in small letters and digits alone."""
    bare = re.sub("^(torch|nn|tf|keras|layers|functional|onnx)_", "", name.rpartition(".")[2].lower())
    return re.sub("[^a-z0-9]", "", bare)


def forms(name: str) -> Iterator[str]:
    """The forms in which a name is looked for, the exact one first."""
    exact = normal(name)
    yield exact
    for pattern in ("[123]d", "(layer|block|module|loss|op|function|optimizer|schedule|scheduler)$"):
        bare = re.sub(pattern, "", exact)
        if bare != exact:
            yield bare
    yield re.sub("(layer|block|module|loss)$", "", re.sub("[123]d", "", exact))


def known_names(entries: Iterable[Any]) -> Known:
    """What entries are called elsewhere, and under their own names in other spellings."""
    found: Known = {}
    listed = list(entries)
    for take in (lambda entry: (entry.name, *getattr(entry, "aliases", ())), lambda entry: entry.known_as):
        for entry in listed:
            for name in take(entry):
                for form in forms(name):
                    found.setdefault(form, entry.name)
    return found


@cache
def known_layers() -> Known:
    """Layers, blocks of the prelude and combinators."""
    entries = {id(entry): entry for entry in chain(NAMES.values(), COMPOSITES.values(), COMBINATORS.values())}
    found = known_names(entries.values())
    for name, others in PRELUDE_KNOWN_AS.items():
        for other in (name, *others):
            for form in forms(other):
                found.setdefault(form, name)
    return found


def spread(table: Known) -> Known:
    """A table by each of the words of its keys."""
    return {name: value for names, value in table.items() for name in names.split()}


def looked_up(name: str, known: Known) -> str:
    """What stands in a table for a name, or an empty text."""
    return next((known[form] for form in forms(name) if form in known), "") if len(name) <= 60 else ""


def called_here(name: str, entries: Iterable[Any]) -> str:
    """A way out for what one of some entries is called elsewhere, or an empty text."""
    here = looked_up(name, known_names(entries))
    return f"`{show(name)}` is called `{here}` here" if here and here != name else ""


def layer_here(name: str) -> str:
    """A way out for what a layer, block or form of the language is called elsewhere, or an empty text."""
    stem, suffix = split_suffix(name)
    for part in dict.fromkeys((name, stem)):
        here = looked_up(part, known_layers())
        if here and here != part:
            keep = name[len(stem) :] if part == stem and suffix is not None and here in CONVERTIBLE else ""
            return f"`{show(name)}` is called `{here}{keep}` here"
    return looked_up(name, spread(WAYS)).format(name=show(name))


def choice_here(name: str) -> str:
    """A way out for what stands in a `train` section elsewhere and is something else here, or an empty text."""
    return looked_up(name, spread(CHOICES))


def argument_here(name: str, names: list[str]) -> str:
    """A way out for an argument that others have, given those that there are; or an empty text."""
    here = [n for n in spread_all(ARGUMENTS, normal(name)) if n in names]
    if here:
        return f"`{show(name)}` is called `{here[0]}` here"
    return spread(SURPLUS).get(normal(name), "")


def spread_all(table: Known, name: str) -> list[str]:
    """What a table says of a name, which may stand in several of its keys."""
    return [value for names, value in table.items() if name in names.split()]
