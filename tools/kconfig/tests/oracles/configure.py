"""Configures trees with kconfiglib.

Reads names of directories from standard input. Each has a Kconfig file and configurations
0.config, 1.config, ...; N.config.out, N.min.out get what kconfiglib makes of them, error.out why it
does not read the tree.
"""

import os
import sys

import kconfiglib


def configure(directory):
    os.environ["srctree"] = directory
    try:
        tree = kconfiglib.Kconfig("Kconfig", warn=False)
    except kconfiglib.KconfigError as error:
        return write(directory, "error.out", str(error))
    n = 0
    while os.path.exists(os.path.join(directory, f"{n}.config")):
        tree.load_config(os.path.join(directory, f"{n}.config"))
        write(directory, f"{n}.config.out", tree._config_contents(""))
        write(directory, f"{n}.min.out", tree._min_config_contents(""))
        n += 1


def write(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(text)


for line in sys.stdin:
    configure(line.rstrip("\n"))
