"""Builds the optional native kernels at install; everything else is in pyproject.toml.

The kernels are plain shared libraries without Python's headers, so one wheel per platform serves every
Python. Without a compiler the package installs all the same and runs its NumPy path.
"""

import importlib.util
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

KERNELS = Path(__file__).resolve().parent / "src" / "feedtwin" / "kernels"


def _build_kernels(directory: Path) -> None:
    """Load kernels/build.py by path, since its package cannot be imported yet, and run it."""
    spec = importlib.util.spec_from_file_location("feedtwin_kernels_build", KERNELS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build(directory)


class BuildPyAndKernels(build_py):
    """Compile beside the sources for an editable install, into the build folder otherwise."""

    def run(self) -> None:
        """Copy the modules, then compile."""
        super().run()
        if self.editable_mode:
            _build_kernels(KERNELS)
            return
        target = Path(self.build_lib) / "feedtwin" / "kernels"
        for left_over in target.glob("_cpu_*"):
            left_over.unlink()  # a failed build must not ship the library of an earlier one
        _build_kernels(target)


class NativeDistribution(Distribution):
    """Say that there is native code, although setuptools does not build it."""

    def has_ext_modules(self) -> bool:
        """Return True."""
        return True


class PlatformWheel(bdist_wheel):
    """Tag the wheel for this platform and any Python 3: the libraries know no Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return interpreter, ABI and platform."""
        return "py3", "none", super().get_tag()[2]


setup(
    distclass=NativeDistribution,
    cmdclass={"build_py": BuildPyAndKernels, "bdist_wheel": PlatformWheel},
)
