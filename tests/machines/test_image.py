"""The image of containers/Containerfile, built by buildah on a Debian made here, run as no root.

pip is configured in the base as it is here; the build sees the folders that pip is told of.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_debian import MIRROR

from conftest import ROOT

lacking = [tool for tool in ("debootstrap", "buildah") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        os.geteuid() != 0 or bool(lacking), reason="needs root, debootstrap and buildah"
    ),
]
NAME = "localhost/rlscale-tested"
OF_SITE = ("/usr/local/share/ca-certificates", "/etc/pip.conf")


def call(*command: str | Path, folder: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def base_image(folder: Path) -> str:
    """A minimal Debian, as its registry would give it; returns its image's id."""
    root = folder / "root"
    call("debootstrap", "--variant=minbase", "bookworm", root, MIRROR)
    for path in filter(os.path.exists, OF_SITE):
        call("cp", "--recursive", "--parents", path, root, folder=Path("/"))
    container = call("buildah", "from", "scratch").strip()
    call("buildah", "add", "--quiet", container, root, "/")
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            call("buildah", "config", f"--env={name}={value}", container)
    image = call("buildah", "commit", "--quiet", "--rm", container).strip()
    shutil.rmtree(root)
    return image


@pytest.fixture(scope="module")
def run_in_image(tmp_path_factory) -> Iterator:
    """Run a command as user 1000 in a container whose /study is a folder here."""
    folder = tmp_path_factory.mktemp("image")
    base = base_image(folder)
    call("git", "archive", f"--output={folder / 'rlscale.tar'}", "HEAD")
    shared = [f"--volume={path}:{path}:ro" for path in Path("/opt").glob("*")]
    call(
        "buildah", "build", "--isolation=chroot", "--network=host", *shared,
        f"--build-arg=BASE={base}", "--build-arg=LOCK=analysis",
        f"--file={ROOT / 'containers/Containerfile'}", f"--tag={NAME}", folder,
    )  # fmt: skip
    study = folder / "study"
    study.mkdir()
    os.chown(study, 1000, 1000)
    container = call("buildah", "from", NAME).strip()

    def run(command: str) -> str:
        return call(
            "buildah", "run", "--isolation=chroot", "--user=1000:1000",
            f"--volume={study}:/study:rw", container, "--", "sh", "-c", command,
        )  # fmt: skip

    run.study = study
    yield run
    call("buildah", "rm", container)
    call("buildah", "rmi", "--force", NAME, base)


def test_published_curves_are_fitted_by_a_user_who_may_write_the_study_alone(run_in_image):
    shutil.copy(ROOT / "resources/bank/tan2025_instruct/curves.csv", run_in_image.study)
    said = run_in_image(
        "cd /study && python -m rlscale.jobs.first rlscale fit curves.csv --size n_params_nominal"
    )
    assert "K_max = 0.13" in said
    assert run_in_image("id -u; touch /opt/rlscale/x 2>/dev/null || echo no").split() == [
        "1000",
        "no",
    ]


def test_what_git_does_not_have_stays_out(run_in_image):
    tracked = set(call("git", "ls-tree", "-r", "--name-only", "HEAD").splitlines())
    there = run_in_image(
        "cd /opt/rlscale && find . -type f -not -path './.venv/*' -not -name '*.pyc'"
    )
    made = {path.removeprefix("./") for path in there.splitlines()} - tracked
    assert all(".egg-info/" in path or path.startswith("build/") for path in made), made
