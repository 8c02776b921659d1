"""The slurm profile of Snakemake, against stand-ins for Slurm's commands that run jobs on this machine.

Run with: pytest tests/test_slurm.py
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from smoke_study import copy_of_repository, environment

from centurio_lib import paths
from centurio_lib.study import stages

pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install -e '.[slurm]'")

STANDINS = {
    # runs the job at once, notes how it ended, and answers with its number
    "sbatch": """#!/usr/bin/env python3
import os, pathlib, subprocess, sys
jobs = pathlib.Path(os.environ["STANDIN_JOBS"])
number = str(1 + len(list(jobs.glob("*.call"))))
(jobs / f"{number}.call").write_text("\\n".join(sys.argv[1:]))
wrapped = next(a.removeprefix("--wrap=") for a in sys.argv if a.startswith("--wrap="))
done = subprocess.run(wrapped, shell=True, env=os.environ | {"SLURM_JOB_ID": number}, capture_output=True, text=True)
(jobs / f"{number}.log").write_text(done.stdout + done.stderr)
(jobs / f"{number}.state").write_text("FAILED" if done.returncode else "COMPLETED")
print(number)
""",
    "sacct": """#!/usr/bin/env python3
import os, pathlib
for path in pathlib.Path(os.environ["STANDIN_JOBS"]).glob("*.state"):
    print(f"{path.stem}|{path.read_text()}")
""",
    # its own options, then the command
    "srun": """#!/usr/bin/env python3
import os, sys
rest = sys.argv[1:]
while rest and rest[0].startswith("-"):
    rest.pop(0)
os.execvp(rest[0], rest)
""",
    "sacctmgr": "#!/bin/sh\necho mine\n", "sinfo": "#!/bin/sh\necho 'main*'\n", "squeue": "#!/bin/sh\n",
    "scancel": "#!/bin/sh\n", "scontrol": "#!/bin/sh\n", "sshare": "#!/bin/sh\necho mine\n",
}


@pytest.fixture
def cluster(tmp_path) -> tuple[Path, dict[str, str]]:
    """A copy of the repository, and an environment in which Slurm's commands are the stand-ins."""
    home, commands, jobs = copy_of_repository(tmp_path / "repo"), tmp_path / "bin", tmp_path / "jobs"
    commands.mkdir(), jobs.mkdir()
    for name, text in STANDINS.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    own = environment(home)
    return home, own | {"PATH": f"{commands}{os.pathsep}{own['PATH']}", "STANDIN_JOBS": str(jobs)}


def test_long_rules_have_days_and_tries_enough_for_the_papers_stages():
    """One H100 in place of the paper's four takes 80 hours to pre-train Phi, and a smaller GPU some times that."""
    profile = yaml.safe_load((paths.REPO / "params/snakemake/slurm/config.yaml").read_text())
    rules = {declared.stage for declared in stages.by_notebook().values() if not declared.by_hand}
    hours = {rule: own["runtime"] / 60 for rule, own in profile["set-resources"].items()}
    assert set(hours) <= rules and min(hours.values()) * 60 > profile["default-resources"]["runtime"]
    for stage, of_four in (("pretrain", 20), ("instruct", 10)):
        assert hours[stage] * (1 + profile["retries"]) >= 5 * 4 * of_four


@pytest.mark.slow
def test_study_is_sent_to_the_cluster_rule_by_rule(cluster):
    home, own = cluster
    command = [sys.executable, "-m", "snakemake", "--profile", "params/snakemake/slurm", "--latency-wait", "1",
               "--config", "profile=smoke", "--", "data/smoke/languages/provenance.json"]
    done = subprocess.run(command, cwd=home, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    jobs = Path(own["STANDIN_JOBS"])
    logs = "\n".join(path.read_text() for path in sorted(jobs.glob("*.log")))
    assert done.returncode == 0, done.stdout[-3000:] + logs[-3000:]
    assert (home / "data" / "smoke" / "languages" / "provenance.json").exists()
    call, = [path.read_text().split("\n") for path in jobs.glob("*.call")]
    assert call[call.index("--mem") + 1] == "64000" and call[call.index("-t") + 1] == "480"
    assert any("rule_languages" in part for part in call)
    assert "papermill notebooks/01_languages.ipynb" in logs
