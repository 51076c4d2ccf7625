"""Every diagnostic's code with its sentences. Rules state facts; the braces here say where each fact is shown."""

from typing import NamedTuple


class Entry(NamedTuple):
    title: str
    label: str
    help: str
    explain: str


CATALOGUE: dict[str, Entry] = {}


def _add(code: str, title: str, label: str, help: str, explain: str) -> None:
    CATALOGUE[code] = Entry(title, label, help, explain)


# E01: the text

_add(
    "E0101",
    "unexpected character",
    "{char} has no meaning in a program",
    "{help}",
    "Programs are written in ASCII letters, digits and the signs of the language; `×` may stand for `x` in a shape. "
    "Characters that merely look like these, invisible characters and control characters are refused. Comments after "
    "`#` and quoted text may hold anything but halves of surrogate pairs, which are not text; what is invisible there is "
    "warned about.",
)
_add(
    "E0102",
    "unexpected `{token}`",
    "expected {expected}",
    "links of a chain are joined by `->`; declarations begin with a word such as `block`, `input` or `set`",
    "The parser met something that cannot follow what stands before it. Often an arrow `->` or a comma is missing, or one is left over.",
)
_add(
    "E0103",
    "the text ends too early",
    "expected {expected} after this",
    "complete the expression, or remove the operator at its end",
    "The file ends in the middle of an expression or declaration, for instance after an arrow.",
)
_add(
    "E0104",
    "`{word}` is a word of the language",
    "expected {expected}",
    "choose another name",
    "Words such as `input`, `block`, `set`, `for`, `if` and `as` have a fixed meaning and cannot be names.",
)
_add(
    "E0105",
    "this {what} needs parentheses",
    "readers disagree on where it ends",
    "{way}",
    "An arrow binds weaker than every other operator, so `x -> b + c` would mean `x -> (b + c)`, which many readers take for `(x -> b) + c`. The language refuses to guess: a sum, product or conditional of layers next to an arrow is put in parentheses.",
)
_add(
    "E0106",
    "a number of {digits} digits",
    "more than {most} digits",
    "no extent or count needs that many",
    "Numbers are limited in length, so that no text can make cnnc compute for long.",
)
_add(
    "E0107",
    "the number {text} cannot be represented",
    "{reason}",
    "use a number between 1e-300 and 1e300",
    "Floating-point numbers are IEEE doubles. A literal that rounds to infinity or to zero is refused rather than changed.",
)
_add(
    "E0108",
    "a string is not closed",
    "no closing quote on this line",
    'add a closing `"`',
    "Quoted text ends on the line that it starts on.",
)
_add(
    "E0109",
    "a bracket is never closed",
    "`{opener}` opens here",
    "add the closing bracket",
    "Every `(`, `[` and `{{` needs its counterpart.",
)
_add(
    "E0110",
    "a closing bracket has no partner",
    "`{closer}` closes nothing",
    "remove it, or add the bracket that opens it",
    "Brackets close in the opposite order in which they were opened.",
)

_add(
    "E0111",
    "`{word}` is neither a number nor a name",
    "cannot be read",
    "names begin with a letter; in a shape, symbolic extents are capital letters: 3xHxW",
    "Numbers are written 12, 0.5 or 1e-4, shapes 3x224x224. A name that begins with a digit, a digit group such as 1_000 "
    "or a small letter in a shape cannot be read.",
)

# E02: shapes

_add(
    "E0201",
    "the kernel is larger than its padded input",
    "along {axis} kernel {k} with dilation {d} covers {cover}, but {before} + {extent} + {after} = {have}",
    "use a smaller kernel or dilation, more padding (p=same keeps the extent), or fewer strides before",
    "A window must fit into the padded input at least once: D(F − 1) + 1 ≤ W + P₀ + P₁. The number of positions is N = ⌊(W + P₀ + P₁ − D(F − 1) − 1)/S⌋ + 1.",
)
_add(
    "E0203",
    "cannot combine tensors of different shapes",
    "{left} and {right}",
    "give the branches the same channels and stride; an axis of extent 1 stretches, so a C×1×1 gate fits",
    "`+`, `-`, `*` and `/` between layers work elementwise. Along each axis the extents must be equal, or one of them 1.",
)
_add(
    "E0204",
    "cannot concatenate tensors of different extents",
    "branch {index} gives {other}, the first gives {first}",
    "give all branches the same stride and padding",
    "`[f, g]` joins the outputs on channels, so every other extent must agree.",
)
_add(
    "E0205",
    "p=same needs an odd effective kernel",
    "kernel {k} with dilation {d} covers {cover}, an even number",
    "use an odd kernel, p=same_upper (TensorFlow's SAME), or pairs such as p=((1, 2), (1, 2))",
    "`same` pads D(F − 1)/2 on each side, which is not a whole number when the kernel covers an even number of positions.",
)
_add(
    "E0206",
    "fc needs a vector",
    "the input is {shape}",
    "add flatten ({flat} features) or gap before it; after `tokens` it works on each position",
    "A fully connected layer takes a vector. C×1×1 is flattened by itself; larger maps are refused, because flattening and global pooling give very different networks.",
)
_add(
    "E0207",
    "the skip connection's shapes differ",
    "the layers give {main}, the input is {skip}",
    "give res a projection: res(…, proj=conv1x1(channels, s=stride) -> bn)",
    "`res(f)` adds the input to what f makes of it. Where the shapes differ it needs `proj`, which is built only there.",
)
_add(
    "E0208",
    "the padding is over half of the window",
    "padding {pad}, but a window of {k} allows {most}",
    "use at most half of the window",
    "A pooling window that lies wholly in the padding would have no value. PyTorch and ONNX have the same limit.",
)
_add(
    "E0209",
    "an extent beyond 2⁶³",
    "{extent} elements",
    "tensor extents and element counts must fit into 64 bits",
    "No framework can address more than 2⁶³ − 1 elements.",
)
_add(
    "E0210",
    "groups must divide both channel counts",
    "{groups} groups, {cin} input and {cout} output channels",
    "choose channels that are multiples of the groups",
    "A grouped convolution cuts input and output channels into equal groups that do not see each other.",
)
_add(
    "E0211",
    "the input shape is not given",
    "which input does this get?",
    "start with `input 3x224x224 -> …`, or pass --input 3x224x224",
    "A bare chain takes its input shape from the command line (`--input`) or the API (`input=`).",
)
_add(
    "E0212",
    "this is not an input shape",
    "got {got}",
    "write channels first, then up to three extents: 3x224x224, 1x16000, 784 or (3, size, size)",
    "An input shape has one to four positive extents: channels, then spatial axes. The batch is implicit.",
)
_add(
    "E0214",
    "the channels cannot be shared out like this",
    "channels of the input: {channels}; given are {got}",
    "give one positive size for each branch that add up to the input's channels, or leave the sizes out",
    "`split` gives each branch its own slice of the channels. Without sizes the shares are equal, so the number of "
    "branches must divide the channels. Those of tokens are the last axis.",
)
_add(
    "E0215",
    "`{layer}` does not fit this rank",
    "the input {shape} has {rank} spatial axes, it needs {needs}",
    "use the layer's variant for this rank, or add flatten or gap where a vector is wanted",
    "A layer's kernel fixes its rank when it names every axis (conv3x3 is 2-D); conv3 takes the rank of its input.",
)
_add(
    "E0216",
    "the {mode} padding is larger than the input",
    "padding {pad} on an extent of {extent}",
    "use less padding, or pad_mode=zeros",
    "Reflected padding repeats the input without its border, so it must be smaller than the extent; circular padding at most as large.",
)
_add(
    "E0219",
    "the slice is empty or beyond the channels",
    "channels {start} to {stop} of {channels}",
    "channels count from 0, and the end is not included: slice(0, cin // 2) is the first half",
    "`slice(a, b)` takes the channels from a up to, but without, b.",
)
_add(
    "E0217",
    "`{name}` does not exist here",
    "the block's input is {shape}",
    "a 1-D input has win only, a 2-D one hin too, a 3-D one din; vectors and tokens have cin alone",
    "`cin`, `din`, `hin`, `win` are the channels, depth, height and width of the enclosing block's input.",
)
_add(
    "E0218",
    "the shared layer `{name}` would need two sets of weights",
    "its first input was {first}, this one is {other}",
    "give it inputs with the same channels, or declare it as a block",
    "A `shared` layer has one set of weights, so every input must give those weights the same shapes.",
)
_add(
    "E0220",
    "the unpooling does not fit its pool",
    "{reason}",
    "put unpool where the tensor has the shape that the labelled maxpool gave",
    "`unpool(p)` puts values back to where the pooling labelled p found them, so its input must have that pooling's output shape.",
)
_add(
    "E0221",
    "the output padding is too large",
    "output padding {op}, but stride {s} and dilation {d}",
    "output padding must be smaller than the stride or the dilation",
    "Output padding chooses between the input extents that a strided convolution maps to the same output; there are only stride many.",
)
_add(
    "E0222",
    "the transposed convolution leaves nothing",
    "({w} − 1)·{s} − 2·{p} + {reach} + {op} + 1 = {extent}",
    "use less padding or a larger kernel",
    "The output extent is N = (W − 1)·S − 2P + D(F − 1) + OP + 1.",
)
_add(
    "E0223",
    "the elements cannot be rearranged",
    "{channels} is not a multiple of {factor}",
    "choose channels or extents that the factor divides",
    "Pixel shuffle takes r² channels for each output channel; its inverse needs extents that r divides.",
)
_add(
    "E0224",
    "this upsampling is not defined",
    "{reason}",
    "`cnnc layers upsample` shows its arguments",
    "An upsampling has a scale or a size; linear, bilinear and trilinear modes fit 1, 2 and 3 axes, bicubic 2.",
)
_add(
    "E0225",
    "the shape has another number of elements",
    "{got} for {have} elements",
    "the product of the new extents must be the old one",
    "`reshape` keeps the elements in order; it cannot add or drop any.",
)
_add(
    "E0226",
    "a window of {k} with dilation {d} steps over the input",
    "the input has an extent of {extent}",
    "use a smaller dilation or less padding",
    "All elements of such a window would lie in the padding on either side, and max pooling would have no value there.",
)
_add(
    "E0227",
    "the bounds are in the wrong order",
    "from {lo} to {hi}",
    "give the lower bound first",
    "Nothing lies between a bound and a smaller one.",
)
_add(
    "E0228",
    "the crop does not fit",
    "{reason}",
    "crop(n) cuts n elements per axis from the middle, crop(p=1) takes one off each side",
    "A crop leaves at least one element of each axis.",
)
_add(
    "E0229",
    "not an order of the input's axes",
    "axes {axes} for an input of {rank} axes",
    "name every axis once, from 0 for the channels; the batch stays where it is",
    "`permute((1, 2, 0))` turns C×H×W into H×W×C.",
)
_add(
    "E0230",
    "`{layer}` takes maps, and the input is a sequence of tokens",
    "a sequence of {shape}, length × channels",
    "permute((1, 0)) makes it a map of channels × length; mhsa, ln, fc, slice and elementwise layers take tokens as they are",
    "`tokens` turns C×H×W into H·W tokens of C channels. Layers that slide or pool over positions want maps.",
)
_add(
    "E0231",
    "the heads do not divide the channels",
    "{heads} heads for {channels} channels",
    "use a number of heads that divides the channels",
    "Multi-head attention gives every head an equal share of the channels.",
)
_add(
    "E0232",
    "`{layer}` has a single value to normalise",
    "each group is one element, which would become 0",
    "use fewer groups, or normalise before the positions are pooled away",
    "The mean of one value is the value itself; PyTorch refuses this too.",
)

_add(
    "E0240",
    "a shape begins with its channels, and `{letter}` is {meaning}",
    "{shape}",
    "write the channels first, and no batch: 3xHxW, CxHxW",
    "Shapes are channels first, then up to three extents; the batch is never written. Any other capital letter may stand "
    "for channels.",
)

# E03: names, kinds, arguments

_add(
    "E0301",
    "unknown name `{name}`",
    "not found here",
    "`cnnc layers` lists the layers",
    "No parameter, `where` name, block, build parameter, label or layer has this name.",
)
_add(
    "E0302",
    "`{layer}` has no argument `{name}`",
    "unknown argument",
    "{see}",
    "Named arguments must be among those of the layer's or block's signature.",
)
_add(
    "E0303",
    "`{layer}` needs the argument `{name}`",
    "missing: {doc}",
    "{see}",
    "Arguments without a default must be given.",
)
_add(
    "E0304",
    "`{name}` of `{layer}` cannot be this",
    "expected {expected}, got {got}",
    "{see}",
    "Every argument has a kind; nothing is converted silently, so `true` is not a number and 3.5 is not a kernel.",
)
_add(
    "E0305",
    "`{name}` of `{layer}` is out of range",
    "{got} is not allowed: it must be {bound}",
    "{see}",
    "The value has the right kind, but the layer is not defined for it.",
)
_add(
    "E0306",
    "`{name}` of `{layer}` is given twice",
    "given again here",
    "remove one of the two",
    "Each argument may be given once, by position, by name or by a kernel suffix.",
)
_add(
    "E0307",
    "too many arguments for `{layer}`",
    "it takes {most}",
    "{see}",
    "More positional arguments were given than the layer or block has.",
)
_add(
    "E0308",
    "a layer is needed here",
    "got {got}",
    "use a layer, a block, or a parameter that holds one",
    "Only layers can stand in a chain, a branch or a repeat.",
)
_add(
    "E0310",
    "a number among layers",
    "got {got}",
    "repeat with `f * 3`; between layers every operand is a layer or a tensor",
    "`f * 3` means three f in sequence. `3 * f` and `f + 1` are refused, since they read like arithmetic on tensors.",
)
_add(
    "E0311",
    "`{name}` contains itself without an exit",
    "used again here, with the same arguments and input",
    "give it a conditional that ends the recursion: … if depth > 0",
    "A block may use itself only with other arguments, behind a condition that fails in the end.",
)
_add(
    "E0312",
    "`{name}` is declared twice",
    "declared again here",
    "choose another name",
    "Blocks, shared layers, inputs, bindings and build parameters of a file share one set of names.",
)
_add(
    "E0313",
    "a tensor is not a layer",
    "`{text}` would discard what flows in",
    "use it in a branch, [id, {text}], or in a sum, id + {text}",
    "A label or input stands for its own value. After an arrow it would ignore the tensor that arrives.",
)
_add(
    "E0314",
    "{what} cannot be used like this",
    "it is not a layer or block",
    "a number function such as min or range computes a number; only layers and blocks are applied",
    "Functions such as min and range compute numbers while compiling; they are not layers.",
)
_add(
    "E0315",
    "a repeat needs a layer and a whole number",
    "got {got}",
    "write f * 3, with a count of 0 or more",
    "`f * n` puts n instances of f in sequence; n must be a whole number that is known while compiling.",
)
_add(
    "E0316",
    "this cannot be computed",
    "{reason}",
    "the operands must be numbers for which the result exists",
    "The arithmetic has no result.",
)
_add(
    "E0317",
    "there is no network here",
    "{what}",
    "add a flow: input 3x224x224 -> …",
    "Blocks and defaults alone describe no network. Such a file can be checked and used by others, but not analyzed.",
)
_add(
    "E0318",
    "a second {what}",
    "one is enough",
    "{way}",
    "A file describes one network with one main flow.",
)
_add(
    "E0319",
    "the index {index} is outside the list",
    "it has {length} entries",
    "the first entry is [0], the last is [-1]",
    "Lists are indexed from 0.",
)
_add(
    "E0320",
    "cannot unpack into {names} names",
    "an entry has {values} values",
    "give as many names as each entry has values",
    "`for a, b in list` takes each entry apart.",
)
_add(
    "E0321",
    "`{layer}` takes no kernel suffix",
    "the number at its end has no meaning",
    "remove it",
    "A suffix as in conv3x3, maxpool2 belongs to layers with a kernel, and to blocks with a parameter `k`.",
)
_add(
    "E0322",
    "the net has no build parameter `{name}`",
    "given with -D or params",
    "declare it: net name({name}=…)",
    "Values given from outside must be declared in the `net` line.",
)
_add(
    "E0323",
    "the build parameter `{name}` has no value",
    "it has no default",
    "pass -D {name}=…",
    "A build parameter without a default must be given.",
)
_add(
    "E0324",
    "this already has its arguments",
    "called again here",
    "write all arguments in one pair of brackets",
    "A layer takes its arguments once; what a parameter holds may have them already.",
)
_add(
    "E0325",
    "`set` cannot be used like this",
    "{what}",
    "write set conv(p=same, bias=false)",
    "`set` changes the defaults of a layer's or block's named arguments from there on.",
)
_add(
    "E0326",
    "a condition must be true or false",
    "got {got}",
    "compare with something: n > 0",
    "Numbers are not truth values.",
)
_add(
    "E0327",
    "`{op}` does not work on this",
    "got {got}, expected {expected}",
    "check the kinds of the operands",
    "Numbers, lists, words and layers have operators of their own.",
)
_add(
    "E0328",
    "`{name}` is defined by itself",
    "`{name}` reads `{next}`",
    "remove the circle between the definitions",
    "Values are computed from others, which must not need them in turn: those of `where` when they are first read, those of "
    "a file from top to bottom.",
)
_add(
    "E0330",
    "letters stand only in an input shape",
    "a size here needs numbers",
    "use numbers, or a parameter",
    "3xHxW names symbolic extents of the input. Kernels, strides and paddings are numbers.",
)
_add(
    "E0331",
    "the extents {symbols} have no values",
    "",
    "pass --input with numbers, or take the network at a size: net.at(H=224, W=224)",
    "A network with symbolic extents can be analyzed; models need numbers.",
)
_add(
    "E0332",
    "`{name} = …` names a number or a tensor",
    "this is a layer",
    "write block {name} = … (fresh weights at each use) or shared {name} = … (one set)",
    "Layers are named by `block` or `shared`, which say whether each use has weights of its own.",
)
_add(
    "E0333",
    "an output must be a tensor",
    "got {got}",
    "start from an input or a label: output y = a -> …",
    "What an output names must have a value: an input, a label, or a chain that begins with one.",
)
_add(
    "E0334",
    "a shared layer cannot read this",
    "the tensor is made outside of it",
    "pass it in as the input",
    "A `shared` layer is used in several places, so it sees only its input.",
)
_add(
    "E0336",
    "an argument by position after one by name",
    "which parameter is this?",
    "give it by name, or move it before the named ones",
    "Arguments by position come first; after a named one the order has no meaning.",
)
_add(
    "E0337",
    "`{name}` cannot be declared",
    "it has a fixed meaning",
    "choose another name; cin, din, hin and win always mean an extent of the block's input",
    "The names of the input's extents cannot be given another meaning.",
)
_add(
    "E0338",
    "files use each other in a circle",
    "{chain}",
    "move the blocks that both need into a third file",
    "`use` brings in another file's blocks; that file may use others, but not lead back.",
)
_add(
    "E0339",
    "the shared layer `{name}` is used outside of its block's own body",
    "used inside a branch or repeat here",
    "use it in the block's chain or in a sum, not inside `[…]` or `*`",
    "A `shared` layer among the `where` definitions of a block has one set of weights for each instance of the block, stored in that block's own body.",
)
_add(
    "E0340",
    "`{path}` has no block `{name}`",
    "not declared there",
    "{see}",
    "`use FILE (a, b)` brings in only the listed blocks, which the file must declare.",
)
_add(
    "E0341",
    "cannot use this file",
    "{reason}",
    "paths are relative to the file that the line is in, and stay inside the project unless --allow-outside is given",
    "`use` reads other `.cnn` files of the same project: those below the folder of the program, or of the nearest folder above it that holds a .git or pyproject.toml. With --allow-outside they may lie anywhere.",
)
_add(
    "E0342",
    "whether {left} {op} {right} depends on the size",
    "decided while compiling, but symbolic here",
    "give the extents as numbers, or compare channels",
    "A conditional is decided while compiling. With symbolic extents it must come out the same for all sizes.",
)
_add(
    "E0343",
    "the structure depends on the size",
    "at this size the skip connection needs no projection",
    "compile the program with these extents as its input",
    "With symbolic extents `res` takes its projection where the shapes are not equal for all sizes.",
)
_add(
    "E0344",
    "no such initialisation",
    "{what}",
    "{see}",
    "`set init(kaiming_normal)` is for all convolutions and linear layers, `set init(conv=…, deconv=…, fc=…, bias=…)` "
    "for one kind each. The methods are those of torch.nn.init, `default` is what PyTorch does without being told.",
)

# E035: the train section

_add(
    "E0350",
    "`{name}` is not an option of a train section",
    "not an option",
    "{see}",
    "A `train` section sets loss, optimizer, schedule, clip, augment, init, batch, epochs, ema, label_smoothing, l1, weight_decay, "
    "precision and seed, each once, as `name = value`.",
)
_add(
    "E0351",
    "unknown {what}",
    "not the name of a known {what}",
    "{see}",
    "Losses, optimizers, schedules and augmentations are chosen by name, with arguments where they take some, such as "
    "`sgd(lr=0.1, momentum=0.9)`. The language reference lists them.",
)
_add(
    "E0352",
    "a loss is a weighted sum",
    "{what}",
    "{way}",
    "A loss is one loss, a sum of losses with numbers as weights, such as `cross_entropy(y) + 0.4 * mse(z)`, or a list with one "
    "loss for each output.",
)
_add(
    "E0353",
    "a loss with the wrong outputs",
    "{what}",
    "{way}",
    "A loss is computed from outputs of the network, `aux` outputs among them: most from one, triplet from three, contrastive from "
    "two, quadruplet from four. Without names it takes all outputs in their order, which must be as many.",
)
_add(
    "E0354",
    "options of the train section do not go together",
    "{what}",
    "{way}",
    "Two options contradict each other, or one needs another that is missing. In a chain of schedules every part but the last says how "
    "long it lasts, all count the same unit, and together they last as long as the run.",
)
_add(
    "E0355",
    "the schedule is longer than the run",
    "this reaches epoch {reach}, its part of the run ends after epoch {end}; the run has {epochs}",
    "train for more epochs, `epochs = …`, or shorten the schedule",
    "A part of the schedule, or a change of the rate in it, lies beyond the last epoch and would never happen. `epochs` is 10 unless given.",
)
_add(
    "E0356",
    "`{loss}` does not fit its output",
    "needs {need}; `{output}` is {shape}",
    "{way}",
    "Every loss expects outputs of a certain form: cross_entropy and nll a vector of class scores (with `dense=true` a map of them), "
    "losses of embeddings a vector for each input, the others any shape, which their target then has too.",
)
_add(
    "E0357",
    "an embedding must come from one input of its own",
    "{what}",
    "declare an input for each: `input a: 1x28x28, b: 1x28x28`, and `a -> embed`, `b -> embed`",
    "For losses of embeddings, samples are drawn for the inputs behind the outputs: an anchor, a positive, a negative. So each output "
    "must come from exactly one input, and from another one than the rest.",
)
_add(
    "E0358",
    "the train section has no {what}",
    "no `{what} = …` in it",
    "{way}",
    "What was asked for needs that option: a training script needs a loss and an optimizer.",
)

_add(
    "E0359",
    "the schedule needs the number of steps in an epoch",
    "it counts optimizer steps, and how many there are depends on the data",
    "give it: `net.schedule(optimizer, steps_per_epoch=len(loader))`",
    "A schedule that counts steps, such as onecycle, is as long as the run: epochs times the steps of an epoch.",
)
_add(
    "E0360",
    "two losses need different targets called `{name}`",
    "`{loss}` needs {other}, and `{first}` before it {one}",
    "give one of them a target of its own: `{loss}(…, target={name}2)`",
    "Losses of one output are compared with one target, and so are all that name it. It is a class number, or numbers of the shape of "
    "the output, not both; `target=name` gives a loss another one.",
)

_add(
    "E0537",
    "two losses leave out different values of the target `{name}`",
    "`{loss}` leaves out {other}, `{first}` before it {one}",
    "give both the same `ignore`, or one of them a target of its own: `{loss}(…, target={name}2)`",
    "What `ignore` names is not a class, so every loss of a target has to leave it out: another one would fail on it. Losses other "
    "than cross_entropy and nll leave out nothing.",
)

_add(
    "E0361",
    "the schedule does not fit the run",
    "{reason}",
    "change its lengths or `epochs`; the last of a chain needs no length, and `-> constant` goes on at a rate",
    "A schedule that counts optimizer steps is compared with the run when the size of the data is known: every part has to begin, every "
    "change of the rate to happen, and the last part to last until the end.",
)

_add(
    "E0362",
    "no script can train this network",
    "{reason}",
    "{way}",
    "A training script needs parameters to train and samples to draw. Samples for a loss of embeddings are drawn for its inputs by class, so "
    "nothing else can be trained on them; `net.loss()` has no such limit.",
)
_add(
    "E0363",
    "the network has too many different layers",
    "more than {most} layers are built up to here",
    "repeat equal parts as `f * n`, which are built once, or raise the limit with --max-built",
    "Layers that differ, or that are written separately, are built one by one. Repeats of equal layers are built once, "
    "whatever their count; those beyond a change of shape are not equal.",
)
_add(
    "E0364",
    "the program is too deep to be followed",
    "brackets, operators, definitions and blocks stand too far within each other here",
    "nest them less: name inner parts, write a long chain as a repeat or a loop",
    "What stands within something else is followed from the outside in, to a depth of 400,000 steps in all. One bracket, "
    "`-`, `not` or `where` name takes a few of them, one block about ten; --max-nesting and --max-calls count each by "
    "itself, and this is about all of them together.",
)
_add(
    "E0365",
    "the shared layer `{name}` is not one PyTorch module",
    "at this size its padding or arguments are others than at its first use",
    "give its padding as numbers, such as p=1, or declare it with `block` where it has no weights; ONNX takes it as it is",
    "A shared layer is one module in PyTorch, and called wherever its name stands. Padding such as `same_upper` with a stride, the size of `unpool` and arguments made of `hin` and `win` become numbers, which must be the same at every use.",
)
_add(
    "E0366",
    "this cannot be computed for a symbolic extent",
    "{reason}",
    "give the extents as numbers; formulas have +, -, *, exact / and rounding // with whole numbers, max, min and sum",
    "A symbolic extent such as H stands for every size, so only what is a formula in it can be computed: sums, differences, products, floors of a division by a number, remainders, powers up to 8, max, min and sum.",
)
_add(
    "E0367",
    "`{name}` is read where there is no input yet",
    "no tensor flows here",
    "read it in a block or in the chain, behind `input`; for a fixed number give a build parameter, `net NAME(n=3)`",
    "`cin`, `din`, `hin`, `win` are extents of what flows into the enclosing block, or into the network behind its `input` line. Values at the top of a file are computed where they stand.",
)

# E04: limits

_add(
    "E0368",
    "`{name}` belongs to the flow of {file}, which is not used",
    "read here",
    "`use` brings in blocks alone: give the block a parameter for the tensor",
    "A used file's inputs, labels, named tensors and outputs are passed over, so its blocks cannot read them.",
)
_add(
    "E0369",
    "the build parameter `{name}` of {file} has no value here",
    "it has no default there",
    "give it a default in that file's `net` line, or make it a parameter of the block",
    "Build parameters of a used file have their defaults; those of the command line are the program's own.",
)
_add(
    "E0401",
    "the file is too large",
    "more than {most} bytes",
    "raise the limit with --max-bytes",
    "Limits keep a hostile or generated file from exhausting the machine.",
)
_add(
    "E0402",
    "brackets are nested too deeply",
    "more than {most} levels",
    "raise the limit with --max-nesting",
    "Limits keep a hostile or generated file from exhausting the machine.",
)
_add(
    "E0403",
    "blocks are nested too deeply",
    "more than {most} levels at `{name}`",
    "raise the limit with --max-calls, or give the recursion an exit",
    "Blocks that use blocks are followed to this depth.",
)
_add(
    "E0404",
    "the network expands to {bound}{count} layers",
    "at most {most} are allowed",
    "raise the limit with --max-layers",
    "Repeats and loops multiply. The number is counted before the layers are built.",
)
_add(
    "E0405",
    "a list of {length} entries",
    "at most {most} are allowed",
    "raise the limit with --max-list",
    "Limits keep a hostile or generated file from exhausting the machine. Entries of lists in a list count too.",
)
_add(
    "E0406",
    "a number of more than {bits} bits",
    "too large to be of use",
    "tensor extents stay below 2⁶³",
    "Whole numbers are exact, but not unbounded.",
)
_add(
    "E0407",
    "the program takes too much work to evaluate",
    "more than {most} steps up to here",
    "make loops, lists and recursion shorter, or raise the limit with --max-work",
    "Every expression that is read and every entry of a list that is made, compared, added up or handed to a block is a "
    "step, over the whole program; each layer that is built allows 20 more. --max-built limits the layers themselves.",
)
_add(
    "E0408",
    "a line is too long",
    "more than {most} characters",
    "break it: line breaks mean nothing between a program's words; or raise the limit with --max-line",
    "Limits keep a hostile or generated file from exhausting the machine.",
)
_add(
    "E0409",
    "a name of {length} characters",
    "at most {most} are allowed",
    "give it a shorter name",
    "Names are written into sources, weights and tables, where longer ones cannot be read.",
)

# E05: requests

_add(
    "E0501",
    "cannot read {path}",
    "{reason}",
    "check the path",
    "The file does not exist, is not a regular file, or may not be read.",
)
_add(
    "E0502",
    "{path} is not UTF-8 text",
    "byte {offset} is not valid{seems}",
    "save the file as UTF-8",
    "Programs are UTF-8 text, with or without a byte-order mark.",
)
_add(
    "E0503",
    "cannot write {path}",
    "{reason}",
    "check the folder and its permissions",
    "Results are written to a temporary file beside the target and renamed, so an old file stays intact.",
)
_add(
    "E0504",
    "unknown target `{name}`",
    "",
    "targets are {known}",
    "`--to` and the ending of `-o` choose what is generated.",
)
_add(
    "E0505",
    "`{text}` is not a shape",
    "",
    "write channels and extents: --input 3x224x224",
    "Shapes on the command line are numbers joined by x.",
)
_add(
    "E0506",
    "`{text}` is not a parameter value",
    "",
    "write -D name=value with a number, true, false, a word or a list",
    "Build parameters are given as name=value.",
)
_add(
    "E0507",
    "the package {package} is needed for this",
    "",
    "install it: pip install '{extra}'",
    "The base installation is small; some commands need an extra.",
)
_add(
    "E0508",
    "the weights do not fit the network",
    "{reason}",
    "`cnnc weights` maps a file with other names onto the network, and writes one that fits",
    "Weights are matched by name, and every tensor of the network must be there with its exact shape. A prefix that all "
    "names of the file have, such as DataParallel's `module.`, does not count.",
)
_add(
    "E0509",
    "cannot read the weights in {path}",
    "{reason}",
    "use a .safetensors file, or a .pth file that holds a state_dict",
    "Only tensors are read; a pickle that would run code is refused.",
)
_add(
    "E0520",
    "{path} is not read",
    "{reason}",
    "copy the file into {root}, or allow it with --allow-outside",
    "What a project brings along may name, or be a link to, a file that nobody meant to read. So weights, and what a space of networks names, lie below the folder of the program, or of the nearest folder above it that holds a .git or pyproject.toml, and under one name only. --allow-outside lifts that.",
)
_add(
    "E0521",
    "there is no machine {rank} among {nodes}",
    "",
    "machines are counted from 0: --node-rank is below --nodes",
    "Each machine of a training in several processes says with --nodes how many there are, and with --node-rank which it is.",
)
_add(
    "E0522",
    "the weights do not fit into memory",
    "they take {needed} GiB; there are {there}",
    "give the network fewer channels; `cnnc analyze` and PyTorch source need no weights",
    "Weights of up to 2 GiB are made in memory, and so is each tensor of orthogonal or truncated normal values; larger models are written tensor by tensor.",
)
_add(
    "E0546",
    "the weights are too large for one ONNX message",
    "they take {needed} GiB; a message holds at most 2",
    'give a path, `-o net.onnx` or to_onnx("net.onnx"): the weights are then written to a second file beside the model',
    "Protocol buffers, in which ONNX models are written, cannot be larger than 2 GiB. A model on a disk may keep its weights in another file; one in memory or on standard output cannot.",
)
_add(
    "E0547",
    "there is no room for {path}",
    "it takes {needed} GiB; there are {there}",
    "write to another disk, or give the network fewer channels; `cnnc analyze` and PyTorch source need no weights",
    "The size of a model's weights is known before they are drawn, and is compared with what is free on the disk and with the limit on the size of files.",
)
_add(
    "E0523",
    "the names of the layers are too long for an ONNX model",
    "{length} characters in all, at most {most}",
    "nest blocks less deeply, or give shorter labels",
    "An ONNX model calls each tensor by the whole path of its layer, so the names of blocks within blocks grow with the "
    "square of their depth.",
)
_add("E0510", "unknown layer `{name}`", "", "{help}", "`cnnc layers` lists all layers.")
_add(
    "E0511",
    "unknown code `{wanted}`",
    "",
    "codes look like E0201; every diagnostic shows its own",
    "`cnnc explain CODE` describes a diagnostic.",
)
_add(
    "E0512",
    "`{op}` cannot be expressed in {backend}",
    "{reason}",
    "choose another target",
    "A backend says so when it has no equivalent of a layer.",
)
_add(
    "E0514",
    "the network has no input `{name}`",
    "",
    "its inputs are {known}",
    "`--input NAME=SHAPE` must name an input that the program declares.",
)
_add(
    "E0524",
    "the input shape {shape} does not say which input it is for",
    "",
    'name the input: --input {first}={shape}, or input={{"{first}": "{shape}"}} in Python; the inputs are {known}',
    "A shape without a name is for the only input of a network. Where a program declares several, each shape is given with the name of its input; the others keep the shapes that the program declares.",
)
_add(
    "E0513",
    "`{text}` is not a batch size",
    "",
    "a whole number of at least 1, dynamic where ONNX is written, or for formulas a letter that the input does not have",
    "The batch is the leading axis of all shapes.",
)
_add(
    "E0515",
    "the network cannot be run on {on}",
    "{reason}",
    "use a smaller input or batch",
    "`cnnc verify` and `cnnc run` run the network; `--on cuda` needs a GPU and a PyTorch that supports it.",
)
_add(
    "E0516",
    "the file's weights cannot be mapped onto the network",
    "{reason}",
    "`cnnc weights --partial` takes what fits, and says what stays as initialised and what of the file is unused",
    "Every tensor of the network needs exactly one of the file and the other way round, but for counts of batches. "
    "Names do not matter for that, shapes do.",
)
_add(
    "E0527",
    "the file's weights fit the network in several ways",
    "names leave {count} layers open",
    "rename tensors to the network's names, or let the file's order decide: --accept-order",
    "Layers are paired by name, by the scopes that both sides have and the shapes in them, by numbers in the names of "
    "layers that follow one another, and by the layer beside them in a scope. Layers with the same shapes that nothing "
    "of this tells apart could be paired wrongly, so nothing is. With --accept-order they are paired in the order of the "
    "file, in the natural order of names where the file is sorted by name, or with --order name.",
)

_add(
    "E0528",
    "`{option}` has no effect without `{other}`",
    "",
    "give both, or leave it out",
    "An option that would be ignored is refused, so that nobody takes the result for what it is not.",
)
_add(
    "E0517",
    "no counting convention is called `{name}`",
    "",
    "conventions are {known}",
    "Tools count different things when they say FLOPs; a convention names whose figure is meant.",
)
_add(
    "E0530",
    "unknown device `{name}`",
    "",
    "{help}",
    "`--device` takes a name from docs/devices.md, a .toml file that describes one device, or file.toml:name.",
)
_add(
    "E0531",
    "cannot take a device from {path}",
    "{reason}",
    "describe each device in a table of its own, as docs/devices.md shows",
    "A file of devices is TOML: a table for each device, with its memory, bandwidth and peak rates.",
)
_add(
    "E0532",
    "`{field}` of the device {device} in {path} is wrong",
    "{reason}",
    "docs/devices.md describes the fields: memory in bytes, bandwidth in bytes per second, rates in operations per second",
    "A device needs memory, bandwidth, vector and at least one peak, all of them numbers of at least 1.",
)
_add(
    "E0533",
    "the device {device} has no peak rate for {dtype}",
    "",
    "choose another --dtype; it has {known}",
    "The roofline model needs the rate at which a device multiplies matrices of the type. It is left out where the hardware "
    "cannot do so, or nobody has published the figure.",
)

_add(
    "E0573",
    "there is nothing to optimise",
    "{what} has no parameters",
    "{way}",
    "An optimizer changes parameters. A network of activations and pooling alone has none, and is the same however long it is trained.",
)

_add(
    "E0571",
    "a page cannot show so many layers",
    "{layers}, more than {most}",
    "use --format json or csv, or give a smaller network",
    "The HTML page has a line in its table, a place in its tree and a step of its memory chart for each layer of the "
    "expanded network; a browser takes too long for more.",
)

_add(
    "E0518",
    "no {what} is called `{name}`",
    "",
    "there are {known}",
    "Reports are by layer, block or op, in fp32, fp16, bf16 or int8, as table, md or csv.",
)
_add(
    "E0519",
    "`{text}` gives no size",
    "",
    "write --at H=224,W=224, each symbol of the input once",
    "Symbols stand for whole extents of at least 1.",
)

_add(
    "E0572",
    "advice `{number}` does not exist",
    "",
    "`cnnc advise` without --apply lists the advice; {numbers}",
    "`--apply N` rewrites the program as the N-th piece of advice says, and `-o` says where to.",
)
_add(
    "E0570",
    "the network is too large to draw",
    "{what}",
    "leave inner blocks closed: --depth 1, or --depth 0; layers that repeat are one box if the program says `* n`",
    "A drawing holds each layer of each open block, equal repeats once. Beyond the limits it could neither be laid out in "
    "seconds nor be read.",
)
_add(
    "E0540",
    "there is nothing to scale",
    "{reason}",
    "name a numeric parameter of the net line with --vary, such as --vary width, or --vary input for the input's side",
    "`cnnc fit` scales numeric build parameters, those of `net NAME(width=1.0)`, and the input's size.",
)
_add(
    "E0541",
    "`{name}` cannot be scaled",
    "{reason}",
    "what can be scaled: {known}",
    "`--vary` names a numeric build parameter of the net line, or `input`, the shorter side of the first input.",
)
_add(
    "E0542",
    "`{text}` is not a range",
    "{reason}",
    "write --vary NAME=LOW..HIGH or NAME=LOW..HIGH:STEP, such as width=0.25..2 or input=96..288:32",
    "A range has two bounds, and after a colon a step; without one it is 1, or a thousandth where numbers are not whole.",
)
_add(
    "E0543",
    "`{text}` is not a budget",
    "",
    "write a number of at least 1, with K, M or G: --params 5M, --macs 300M, --peak 256K",
    "K, M and G are 10³, 10⁶ and 10⁹ for counts, and 2¹⁰, 2²⁰ and 2³⁰ for the bytes of --peak.",
)
_add(
    "E0544",
    "the smallest network found is over the budget",
    "{values}: {used} {unit}, {over} more than {limit}",
    "raise the budget, or let more parameters go lower with --vary NAME=LOW..HIGH, or the input's side with --vary input",
    "Every scaled parameter is at the cheap end of its range, or where less is needed, and a budget is exceeded all the "
    "same.",
)
_add(
    "E0545",
    "no budget is given",
    "",
    "give one or more of --params 5M, --macs 300M and --peak 256K",
    "`cnnc fit` looks for the largest network within a budget.",
)

_add(
    "E0550",
    "the network takes no image",
    "{reason}",
    "`cnnc run` gives an image to a network with one input of 1 or 3 channels, height and width; see --shape",
    "An image has 1 channel (grey) or 3 (red, green, blue), and two axes.",
)
_add(
    "E0551",
    "cannot read the image {path}",
    "{reason}",
    "give a PNG, a JPEG or another file that Pillow reads, or a folder of them",
    "Images that are broken, no images at all, or so large that unpacking them could exhaust the machine are refused.",
)
_add(
    "E0552",
    "the results cannot be written to {path}",
    "{reason}",
    "-o out.npy stores any output, -o out.png a map of at most 256 classes",
    "A map is stored as its scores (.npy), or as an image that has the best class at every position (.png).",
)
_add(
    "E0553",
    "`{text}` is not a list of numbers for {channels} channels",
    "",
    "give one number, or one for each channel: --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
    "Pixels between 0 and 1 are shifted by the mean and divided by the standard deviation, which is above 0.",
)
_add(
    "E0554",
    "the labels in {path} do not fit",
    "{reason}",
    "give a file with one label a line, as many as the network has classes",
    "The first line is the label of class 0.",
)

_add(
    "E0555",
    "`{path}` is there, and cnnc did not write it",
    "",
    "--force replaces it; -o names another file",
    "Commands replace results of earlier runs, which they know by their first line, their producer or how they begin. Any "
    "other file, and one of a kind that does not tell, is replaced only with --force; an empty one always is.",
)
_add(
    "E0560",
    "there is no file to watch",
    "",
    "give --watch the name of a file, not - or -e",
    "`cnnc analyze FILE --watch` prints the network again whenever the file, or one that it uses, is saved.",
)

_add(
    "E0580",
    "`{option}` has no effect with {other}",
    "",
    "leave one of the two out",
    "An option that would be ignored is refused, so that nobody takes the result for what it is not.",
)
_add(
    "E0581",
    "{input} is given two shapes",
    "{first} and {second}",
    "give one shape for each input, as NAME=SHAPE where there are several",
    "`--input SHAPE` is for the only input; several inputs have a NAME=SHAPE each.",
)

_add(
    "E0585",
    "`{name}` of `{function}` cannot be {value}",
    "",
    "give {wanted}",
    "An argument of a function has a type, or a value, with which the function can do nothing.",
)
_add(
    "E0586",
    "the build parameter `{name}` is given two values",
    "",
    "give -D once for each build parameter",
    "Which of two values is meant cannot be known.",
)

# W06: warnings

_add(
    "W0601",
    "`{name}` shadows a layer of that name",
    "declared here",
    "rename it if that is not intended",
    "A block or parameter hides the built-in layer of the same name in this file.",
)
_add(
    "W0602",
    "`{name}` is never used",
    "declared here",
    "remove it",
    "A name that nothing reads is often a mistake in another name.",
)
_add(
    "W0603",
    "this group does not use its input",
    "each branch is a tensor, or starts from one",
    "remove the arrow before it, or add id to it",
    "A group in which every branch stands for itself discards the tensor that arrives.",
)

_add(
    "W0604",
    "`{name}` is a layer, and also a label",
    "this is the layer",
    "rename the label if its tensor is meant",
    "Labels have names of their own, so `fc(10) as fc` is fine. But a bare name that is a layer's always means the layer, "
    "never the tensor that a label of the same name stands for.",
)

_add(
    "W0611",
    "{outputs} in no term of the loss",
    "nothing trains what leads only there",
    "add a term to the loss, or leave the output out",
    "Weights that lead only to such an output get no gradient and stay as they were drawn.",
)
_add(
    "W0612",
    "`{last}` before `{loss}`",
    "the output comes from `{last}`",
    "{way}",
    "Some losses have their activation built in: cross_entropy takes logits, so a softmax before it is applied twice and learning "
    "slows down. Others expect it: nll needs log-probabilities, bce probabilities.",
)
_add(
    "W0613",
    "`{loss}` does not fit its output at this input size",
    "needs {need}; `{output}` is {shape}",
    "train it at the size that the program declares",
    "The request gives the network another input size than the program, at which the loss makes no sense. Everything else holds, "
    "but the loss is left out.",
)
_add(
    "W0610",
    "the weights are random",
    "drawn from the seed {seed}: the results mean nothing",
    "give trained ones with --weights W.safetensors",
    "Without a file of weights a network is run with the initial ones, which shows that it runs and how long it takes.",
)

_add(
    "W0616",
    "{where} turns the direction of text",
    "{char}: editors show what follows in another order than it is read",
    "remove it",
    "Characters that set the direction of text can make a program look like another one: what seems to be a comment may be "
    "code, and the other way round (Boucher and Anderson, *Trojan Source*, 2021). They are refused in the program itself.",
)
_add(
    "W0617",
    "{where} holds a character that is not shown",
    "{char}",
    "remove it",
    "Control characters and invisible ones do not belong into text: a terminal may obey them, and nobody sees them. They are "
    "refused in the program itself.",
)

_add(
    "E0590",
    "this network cannot be trained on `{where}`",
    "{what}",
    "there is: {way}",
    "What a network can be trained on depends on its inputs and losses: images with a class, images with masks, or arrays by the "
    "names of inputs and targets.",
)
_add(
    "E0591",
    "several machines need an address to meet at",
    "--nodes is {nodes}, and there is no --rendezvous",
    "give the first machine's: --rendezvous HOST:PORT",
    "Processes on several machines find each other at an address of the first, which all of them can reach.",
)

_add(
    "E0592",
    "`{key}` of {path} is wrong",
    "{reason}",
    "{way}",
    "A space names a program, values for its build parameters, input, batch and type, limits, and what its Pareto front is about. "
    "docs/sweep.md describes the keys.",
)
_add(
    "E0593",
    "{path} is not a TOML file",
    "{reason}",
    "docs/sweep.md has examples of spaces",
    "A space is a TOML file: `key = value` lines, then tables such as [params]. Text stands in quotes.",
)
_add(
    "E0594",
    "cannot go on with the unfinished sweep in {path}",
    "{reason}",
    "begin anew with --restart, or write the results elsewhere with -o",
    "Beside the results lies what an unfinished sweep has found. Only the same space, program and version of cnnc can add to it.",
)
_add(
    "E0595",
    "no point of the space compiles",
    "of {count} points of {name}; below is what is wrong with the first",
    "`cnnc check` with -D NAME=VALUE tells more about one of them",
    "Points that do not compile are passed over and counted, unless there are no others.",
)
_add(
    "E0596",
    "cannot use the cluster {address}",
    "{reason}",
    "start one with `dask scheduler` and `dask worker ADDRESS`, both with this version of cnnc installed, or use --workers N",
    "`--cluster` takes the address of a Dask scheduler that has workers.",
)
_add(
    "E0597",
    "a worker cannot evaluate its points",
    "{reason}",
    "look at the workers' output; then the same command goes on from here, in one process with --workers 1",
    "What a worker had begun when it died is given to another one, several times over. This is where that did not help, where a worker "
    "has another version of cnnc or none, or where the cluster is gone.",
)
_add(
    "E0598",
    "`{text}` is not a number of workers",
    "",
    "write --workers 4, or --workers all for one on each core",
    "A worker is a process that evaluates points.",
)
_add(
    "E0599",
    "another sweep is writing {path}",
    "",
    "wait for it, or write the results elsewhere with -o",
    "Two sweeps cannot write the same results.",
)

# E09: faults of cnnc

_add(
    "E0901",
    "cnnc has a fault",
    "{reason}",
    "please report it with the program that shows it; with CNNC_TRACEBACK=1 the command shows where it happened",
    "Something that should not be possible has happened inside cnnc; the network may be right. From Python, the "
    "exception that was the fault is the `__cause__` of the InternalError.",
)
