"""The tests here import the Python client from the tree."""
import pathlib
import sys

PACKAGE = pathlib.Path(__file__).resolve().parents[3] / "client" / "python"
sys.path.insert(0, str(PACKAGE))
