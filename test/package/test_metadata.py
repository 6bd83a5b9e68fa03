"""setup.py, package.xml and the code say the same."""

import importlib
import os
import re
import sys

import anyseg_core

# Import name: rosdep key in package.xml, where the two differ.
ROSDEP_KEYS = {
    "PIL": "python3-pil",
    "cv2": "python3-opencv",
    "numba": "python3-numba",
    "numpy": "python3-numpy",
    "rich": "python3-rich",
    "tf2_ros": "tf2_ros_py",
    "torch": "python3-torch",
    "yaml": "python3-yaml",
}
# Import name: distribution in setup.py, where the two differ.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "open3d": "open3d-cpu",
    "rerun": "rerun-sdk",
    "tensorrt": "tensorrt-cu12",
    "yaml": "pyyaml",
}


def keys(manifest):
    return {element.text for element in manifest if element.tag in {"depend", "exec_depend"}}


def requirements(setup_arguments):
    """Return the names of the distributions that setup.py asks for, in any extra."""
    lines = [*setup_arguments["install_requires"]]
    for extra in setup_arguments["extras_require"].values():
        lines.extend(extra)
    return {re.match(r"[A-Za-z0-9._-]+", line).group().lower() for line in lines}


def third_party(imports):
    """Return the top-level packages that the code imports and neither it nor Python brings."""
    own = {"anyseg_core", "anyseg_ros", ""}
    names = {name.split(".")[0] for names in imports.values() for name in names}
    return names - own - set(sys.stdlib_module_names)


def test_version_is_the_same_everywhere(manifest, setup_arguments):
    assert manifest.findtext("version") == anyseg_core.__version__
    assert setup_arguments["version"] == anyseg_core.__version__


def test_name_and_licence_are_the_same_everywhere(manifest, setup_arguments, root):
    assert manifest.findtext("name") == setup_arguments["name"] == "anyseg_ros"
    assert manifest.findtext("license") == setup_arguments["license"] == "Apache-2.0"
    assert "Apache License" in (root / "LICENSE").read_text(encoding="utf-8")


def test_package_xml_is_format_3_and_built_by_ament_python(manifest):
    assert manifest.get("format") == "3"
    assert manifest.findtext("export/build_type") == "ament_python"


def test_each_import_is_declared_to_rosdep_or_to_pip(imports, manifest, setup_arguments):
    declared = keys(manifest)
    wheels = requirements(setup_arguments)
    undeclared = {
        name
        for name in third_party(imports)
        if ROSDEP_KEYS.get(name, name) not in declared
        and DISTRIBUTIONS.get(name, name).replace("_", "-").lower() not in wheels
    }
    assert undeclared == set()


def test_each_ros_package_that_the_nodes_import_is_declared_to_rosdep(
    imports, manifest, setup_arguments
):
    of_nodes = {path: names for path, names in imports.items() if path.parts[0] == "anyseg_ros"}
    wheels = requirements(setup_arguments)
    undeclared = {
        name
        for name in third_party(of_nodes)
        if DISTRIBUTIONS.get(name, name).replace("_", "-").lower() not in wheels
        and ROSDEP_KEYS.get(name, name) not in keys(manifest)
    }
    assert undeclared == set()


def test_dependencies_are_declared_once_and_in_order(manifest):
    groups = {}
    for element in manifest:
        if element.tag.endswith("depend"):
            groups.setdefault(element.tag, []).append(element.text)
    for tag, names in groups.items():
        assert len(names) == len(set(names)), tag


def test_constraints_pin_every_direct_requirement_exactly(setup_arguments, root):
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    names = [pin.split("==")[0] for pin in pins]
    assert names == sorted(set(names))
    assert requirements(setup_arguments) <= set(names)


def test_every_requirement_has_a_lower_bound_and_no_upper_one(setup_arguments):
    lines = [*setup_arguments["install_requires"]]
    for extra in setup_arguments["extras_require"].values():
        lines.extend(extra)
    assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9][0-9.]*", line) for line in lines), lines


def test_entry_points_name_what_exists(setup_arguments):
    for lines in setup_arguments["entry_points"].values():
        for line in lines:
            module, attribute = line.split("=", 1)[1].strip().split(":")
            assert hasattr(importlib.import_module(module), attribute), line


def test_every_package_folder_is_installed(setup_arguments, root):
    folders = {
        str(path.parent.relative_to(root)).replace(os.sep, ".")
        for package in ("anyseg_core", "anyseg_ros")
        for path in (root / package).rglob("*.py")
    }
    assert folders == set(setup_arguments["packages"])
