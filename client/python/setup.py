"""For a setuptools that does not read [project] of pyproject.toml (before 61, which is all that Python 3.6 has)."""
from setuptools import setup

setup(name="ckptd", version="0.1.0", description="Python client of ckptd: jobs that outlive their allocations",
      packages=["ckptd"], package_data={"ckptd": ["py.typed"]}, python_requires=">=3.6")
