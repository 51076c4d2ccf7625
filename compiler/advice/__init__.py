"""Cheaper rewrites of a program, each a small edit of its text whose savings are found by compiling the result.

`flat` lists the layers with what each reads, `program` ties them to the places of the text that they come from,
`edits` changes text and keeps comments. Rules (`idle`, `linear`, `kernels`, `strides`, `heads`) propose edits; `advise`
compiles them and keeps those that save; `carry` runs the ones that keep the function with the same weights; `show`
prints.
"""
