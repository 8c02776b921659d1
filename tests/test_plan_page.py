"""The plan of a study: what it fetches, wants and takes, what does not fit, without a GPU or a network.

Run with: pytest tests/test_plan_page.py
"""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import tiny_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from centurio_lib import params, paths, storage
from centurio_lib.data.hub import catalogue, hub, sizes
from centurio_lib.model import cards, memory, train_cost
from centurio_lib.params import ParamsError, benchmarks
from centurio_lib.study import plan_fetch, plan_hours, plan_needs, plan_page

ONE_GPU, PAPER = params.profile("one-gpu"), params.profile("paper")
SMALL = ["one-gpu", "one-gpu-english", "one-gpu-small"]


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """A machine without GPU, network, or anything fetched."""
    for name in ("DATASETS", "BENCHMARKS", "HOME"):
        monkeypatch.setattr(paths, name, tmp_path / name)
    monkeypatch.setattr(cards, "at_hand", lambda: None)
    monkeypatch.setattr(plan_needs, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan_needs.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))


def at_hand(monkeypatch, name: str, total: float, free: float) -> None:
    monkeypatch.setattr(cards, "at_hand", lambda: cards.Gpu(name, total, free))


# === the page ===
def test_the_plan_of_one_gpu_fits_a_card_of_24_gib_and_asks_for_no_step_by_hand(monkeypatch):
    at_hand(monkeypatch, "NVIDIA GeForce RTX 4090", 24.0, 23.2)
    page = plan_page.page(ONE_GPU)
    assert "All that could be checked fits." in page and "by hand" not in page
    assert "unknown: no network" in page and "NVIDIA GeForce RTX 4090: 23.2 of 24.0 GiB free" in page
    assert re.search(r"vqav2 +2 of 22 +1\.23 ", page) and re.search(r"sharegpt4v_coco +4 of 6 ", page)
    assert "19 setups with 1 seed: 8 of pre-training, 19 of instruction tuning, 19 of evaluation" in page


def test_the_plan_of_the_paper_names_what_waits_for_its_user():
    page = plan_page.page(PAPER)
    assert "images sam is put there by hand: put sa_*.tar into" in page and "SA-1B licence" in page
    assert "nllb-200-distilled-1.3B: pickled weights alone, which are refused" in page
    assert "m3exam is put there by hand" in page and "bin_mc is put there by hand" in page


def test_without_a_gpu_hours_are_told_for_several_cards_and_no_verdict_on_memory():
    page = plan_page.page(ONE_GPU)
    assert "GPU memory (no GPU at hand)" in page and "fits  " not in page
    assert re.search(r"RTX 4090 +A100 +H100 +L4", page)
    assert re.search(r"rq1 \(6 setups\)", page) and re.search(r"rq4 \(5 setups\)", page)


def test_a_gpu_too_small_is_said_with_the_change_that_fits(monkeypatch):
    at_hand(monkeypatch, "NVIDIA GeForce RTX 4090", 24.0, 8.0)  # another program holds 16 GiB of it
    page = plan_page.page(ONE_GPU)
    assert "does not fit" in page
    assert re.search(r"GPU memory of instruct \(English, T5, T5-T4, T5-T3, \.\.\.\): 9\.0 GiB wanted, 8\.0 free: "
                     r"it fits with .*max_seq_len", page)
    assert re.search(r"GPU memory of evaluate .*: 11\.7 GiB wanted, 8\.0 free: it fits with evaluation\.max_", page)


def test_a_disk_too_small_is_said_with_what_helps(monkeypatch):
    monkeypatch.setattr(plan_needs.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**10))
    page = plan_page.page(ONE_GPU)
    assert re.search(r"GB wanted, 10 GB free", page)
    assert re.search(r"disk of .*: \d+ GB are lacking: set CENTURIO_HOME, .*keep_files: false", page)


def test_a_card_that_no_table_lists_has_no_hours(monkeypatch):
    at_hand(monkeypatch, "Tesla T4", 15.0, 14.9)
    page = plan_page.page(ONE_GPU)
    assert "Hours: unknown: Tesla T4 is not in" in page and "params/gpus.yaml" in page
    assert "rq1" in plan_page.page(ONE_GPU, card="L4")


@pytest.mark.parametrize("name", ["smoke", "laptop", "gemma", "gemma-cpu", "paper-aya", "paper-qwen", *SMALL])
def test_every_kind_of_profile_has_a_plan(name):
    page = plan_page.page(params.profile(name), ask=False)
    assert page.startswith(f"Plan of profile {name}: ") and "Runs: " in page
    assert ("GPU memory" in page) == params.profile(name).base.language_model.count("/") == 1 or "data/" in page or (
        "Trains on the CPU" in page)


def test_the_short_form_is_one_line_and_profiles_without_the_hub_have_none():
    line = plan_page.short(ONE_GPU)
    assert "\n" not in line and re.fullmatch(
        r"plan: about \d+ GB to fetch and \d of unknown size, \d+ GB of disk \(1000 free\), 19 GiB of GPU memory "
        r"\(no GPU at hand\), \d+ hours on a RTX 4090; make plan PROFILE=one-gpu says more", line)
    assert plan_page.short(params.profile("laptop")) == ""


def test_a_model_whose_shape_is_not_known_leaves_the_rest_of_the_plan():
    base = ONE_GPU.base.model_copy(update={"language_model": "someone/else-3b"})
    profile = ONE_GPU.model_copy(update={"base": base})
    page = plan_page.page(profile, ask=False)
    assert re.search(r"Disk, memory and hours: unknown: the shape of someone/else-3b is not known.*models\.yaml", page)
    assert "To fetch: about" in page and "Runs: 19 setups" in page
    assert re.fullmatch(r"plan: about \d+ GB to fetch and \d of unknown size; make plan .* says more",
                        plan_page.short(profile))


def test_the_command_prints_a_plan_and_refuses_an_unknown_card(tmp_path):
    command = [sys.executable, "-m", "centurio_lib.study.plan_page", "one-gpu"]
    own = os.environ | {"CENTURIO_HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*command, "--card", "A100"], cwd=paths.REPO, env=own, capture_output=True, text=True)
    assert done.returncode == 0 and "a A100 has 80 GiB" in done.stdout
    done = subprocess.run([*command, "--card", "Voodoo"], cwd=paths.REPO, env=own, capture_output=True, text=True)
    assert done.returncode == 2 and "RTX 4090" in done.stderr
    assert not list(tmp_path.iterdir())


# === what is fetched ===
@pytest.mark.parametrize("name", SMALL)
def test_small_profiles_name_nothing_gated_pickled_or_unpinned(name):
    for one in plan_fetch.wanted(params.profile(name)):
        assert not one.steps and re.fullmatch(r"[0-9a-f]{40}", one.revision), one
        assert not sizes.of(one.kind, one.name).note, one
    profile = params.profile(name)
    assert not any(catalogue.entries()[one].gated for one in profile.data.sources.instruct)
    assert all(benchmarks.known()[one].repo for one in benchmarks.of_profile(profile))


def hub_says(monkeypatch, error: Exception | None = None, gated: object = False, files: dict[str, int] | None = None,
             refused: Exception | None = None) -> list[str]:
    """Stand in for the hub. Returns the repositories that it is asked for."""
    asked = []

    def info(repo, **_):
        asked.append(repo)
        if error:
            raise error
        siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in (files or {}).items()]
        return SimpleNamespace(siblings=siblings, gated=gated)

    def check(*_, **__):
        if refused:
            raise refused

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(plan_fetch, "HfApi", lambda: SimpleNamespace(repo_info=info, auth_check=check))
    return asked


VQA = next(one for one in plan_fetch.wanted(ONE_GPU) if one.name == "vqav2")


def reply(status: int) -> SimpleNamespace:
    return SimpleNamespace(status_code=status, headers={}, request=None)


def test_the_hubs_own_list_counts_where_it_is_reachable(monkeypatch):
    shards = {f"vqav2/train-{n:05}-of-00010.parquet": 10**9 + n for n in range(10)}
    hub_says(monkeypatch, files=shards | {"README.md": 5})
    [item] = plan_fetch.items([VQA])
    assert (item.files, item.access) == ("1 of 10", "open") and item.gb == 1.0


@pytest.mark.parametrize(("error", "access"), [
    (RepositoryNotFoundError("none", response=reply(404)), "not there, or not for those who are not logged in: see"),
    (RevisionNotFoundError("none", response=reply(404)), "revision 8f79a8c5c5e7562e8c7a1392b1f63a3da2b432a6 is not"),
    (HfHubHTTPError("busy", response=reply(429)), "unknown: the hub answered 429")])
def test_what_the_hub_refuses_is_said(error, access, monkeypatch):
    hub_says(monkeypatch, error)
    [item] = plan_fetch.items([VQA])
    assert item.access.startswith(access) and item.gb == pytest.approx(1.23, abs=0.01)
    problems: list[str] = []
    plan_page.fetched(ONE_GPU, [item], problems)
    assert problems == [f"data vqav2: {item.access}"]


def test_a_gated_repository_says_where_to_accept_and_whether_that_is_done(monkeypatch):
    files = {"vqav2/train-00000-of-00001.parquet": 10**9}
    hub_says(monkeypatch, gated="auto", files=files)
    assert plan_fetch.items([VQA])[0].access == "open, licence accepted"
    hub_says(monkeypatch, gated="auto", files=files, refused=GatedRepoError("gated", response=reply(403)))
    [item] = plan_fetch.items([VQA])
    page = "https://huggingface.co/datasets/HuggingFaceM4/the_cauldron"
    assert item.access == f"no access: accept the licence at {page}, then `hf auth login`"


def test_a_layout_that_changed_is_said(monkeypatch):
    hub_says(monkeypatch, files={"data/train-0.parquet": 5})
    assert plan_fetch.items([VQA])[0].access == "holds no file like vqav2/train-*.parquet: its layout has changed"


def test_a_hub_that_is_not_reachable_is_asked_once(monkeypatch):
    asked = hub_says(monkeypatch, HTTPError("no network"))
    found = plan_fetch.items(plan_fetch.wanted(ONE_GPU))
    assert len(asked) == 1 and {item.access for item in found} == {"unknown: no network"}


def test_shards_that_are_here_are_not_counted(monkeypatch):
    names = [f"vqav2/train-{n:05}-of-00022.parquet" for n in range(22)]
    tiny_hub.serve(monkeypatch, dict.fromkeys(names, b"12345"))
    listing = hub.listing("vqav2", VQA.repo, VQA.revision, VQA.patterns, "")
    hub.fetch(listing, names[0])
    [item] = plan_fetch.items([VQA], ask=False)
    assert (item.files, item.gb) == ("1 of 22", 5e-9)
    hub.fetch(listing, names[1])
    [item] = plan_fetch.items([VQA], ask=False)
    assert (item.files, item.gb, item.access) == ("0 of 22", 0.0, "here")


def test_files_of_several_data_sets_count_once():
    found = [item for item in plan_fetch.items(plan_fetch.wanted(PAPER), ask=False)
             if item.wanted.name in ("gqa", "refcoco", "vg") and item.wanted.kind == "data"]
    assert len(found) == 3 and len(plan_fetch.to_fetch(found)) == 1


# === hours ===
def test_hours_grow_with_samples_languages_and_a_trained_encoder():
    card = cards.known()["RTX 4090"]
    hours = plan_hours.of_setups(ONE_GPU, card)
    assert hours["L100"].instruct > hours["English"].instruct
    assert hours["English"].pretrain == 0 < hours["PT50"].pretrain
    assert hours["OCR50"].pretrain > hours["OCR50-frozen"].pretrain > hours["PT50"].pretrain
    half = ONE_GPU.model_copy(update={"instruct": ONE_GPU.instruct.model_copy(update={"samples": 16000})})
    setup, start = params.setup("L100"), plan_hours.STARTING_S / 3600
    whole = plan_hours.training_h(ONE_GPU, setup, "instruct", card) - start
    assert plan_hours.training_h(half, setup, "instruct", card) - start == pytest.approx(whole / 2)


def test_each_setup_counts_in_one_question():
    named = plan_hours.by_question(ONE_GPU)
    assert sorted(name for names in named.values() for name in names) == sorted(params.studied(ONE_GPU))
    assert "L100" in named["rq1"] and "L100" not in named["rq2"]


@pytest.mark.parametrize(("setups", "times"), [
    (["English", "T5"], 0.5), (["L100", "L100-E1"], 0.99), (["L100", "English"], 0.5),
    (["T5", "T5-T4"], 0.5 + 0.5 * (1 - 6 / 24)), (["T5", "T5-T4", "L100"], 0.5 * (1 + 1 - 24 / 99 + 1 - 6 / 24))])
def test_setups_share_translations_where_their_languages_are_the_same(setups, times):
    """A smaller mix adds the samples whose language in the larger one it lacks."""
    question = "rq2" if "L100-E1" in setups else "rq1"
    study = ONE_GPU.study.model_copy(update={"questions": [question], "setups": setups})
    pairs = plan_hours.translated(ONE_GPU.model_copy(update={"study": study}))
    light = ONE_GPU.instruct.samples * (1 - plan_hours.heavy_share(ONE_GPU))
    assert pairs["instruct"] == pytest.approx(light * times) and pairs["pretrain"] == 0
    twice = ONE_GPU.model_copy(update={"study": study.model_copy(update={"seeds": 2})})
    assert plan_hours.translated(twice)["instruct"] == pytest.approx(2 * light * times)


def test_finished_runs_correct_the_prediction():
    hours = plan_hours.of_setups(ONE_GPU, cards.known()["L4"])
    assert plan_hours.measured(ONE_GPU, hours) == (1.0, 0)
    for setup in ("English", "T5", "L100"):
        path = paths.HOME / "results" / "one-gpu" / "instruct" / setup / "seed0" / "provenance.json"
        storage.write_json(path, {"runtime_s": 2 * hours[setup].instruct * 3600})
    factor, runs = plan_hours.measured(ONE_GPU, hours)
    assert factor == pytest.approx(2) and runs == 3
    assert "corrected by 3 finished runs" in plan_page.page(ONE_GPU, card="L4")


def test_operations_of_a_forward_pass_are_those_that_torch_counts():
    """Two a weight and token; the loss and the states of attention come on top of what is compared here."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoConfig, AutoModelForCausalLM
    shape = memory.LanguageModel(hidden=64, layers=2, heads=4, kv_heads=2, intermediate=128, vocabulary=256, tokens=250,
                                 tied=False)
    config = AutoConfig.for_model("llama", vocab_size=256, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                                  num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)
    model, tokens = AutoModelForCausalLM.from_config(config, attn_implementation="eager"), 32
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, tokens, dtype=torch.long))
    head, attention = 2 * tokens * 64 * 256, 4 * tokens**2 * 64 * 2
    assert counter.get_total_flops() == 2 * shape.quantised * tokens + head + attention
    need = memory.Need(1, tokens, 8, True, False, False)
    vision = memory.Vision(hidden=8, layers=1, intermediate=16, patch=4, side=8)
    trained = train_cost.training(shape, vision, need, train_cost.Sample(0, 4, tokens))
    expected = tokens * (4 * shape.quantised + 6 * shape.lora(8)) + 3 * attention
    assert trained == pytest.approx(expected / train_cost.FILLED + train_cost.LABELS * 2 * head)


# === cards ===
@pytest.mark.parametrize(("name", "card"), [
    ("NVIDIA GeForce RTX 4090", "RTX 4090"), ("NVIDIA A100-SXM4-80GB", "A100"), ("NVIDIA A10G", "A10G"),
    ("NVIDIA A10", "A10"), ("NVIDIA L4", "L4"), ("NVIDIA L40S", "L40S"), ("NVIDIA H100 80GB HBM3", "H100"),
    ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"), ("NVIDIA RTX A6000", "RTX A6000"), ("Tesla T4", None),
    ("NVIDIA GeForce RTX 4090 D", "RTX 4090"), ("AMD Instinct MI300X", None), ("", None)])
def test_cards_are_known_by_whole_words_of_their_names(name, card):
    found = cards.like(name)
    assert (found[0] if found else None) == card


@pytest.mark.parametrize(("printed", "status", "gpu"), [
    ("NVIDIA RTX A6000, 49140, 48000\nNVIDIA L4, 23034, 1\n", 0, ("NVIDIA RTX A6000", 49140 / 1024, 48000 / 1024)),
    ("NVIDIA H100, 80GB, PCIe, 81559, 4\n", 0, ("NVIDIA H100, 80GB, PCIe", 81559 / 1024, 4 / 1024)),
    ("NVIDIA A100 MIG, [N/A], [N/A]\n", 0, None), ("", 0, None), ("No devices were found\n", 6, None)])
def test_the_card_of_this_machine_is_what_nvidia_smi_says(printed, status, gpu, tmp_path, monkeypatch):
    monkeypatch.undo()
    program = tmp_path / "nvidia-smi"
    (tmp_path / "printed").write_text(printed)
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/printed\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    assert cards.at_hand() == (cards.Gpu(*gpu) if gpu else None)
    monkeypatch.setenv(cards.VISIBLE, "")
    assert cards.at_hand() is None


def test_a_machine_without_nvidia_smi_has_no_card(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "/nonexistent")
    assert cards.at_hand() is None


def test_a_wrong_value_of_a_card_is_named(tmp_path, monkeypatch):
    (tmp_path / "gpus.yaml").write_text("L4: {gib: 22, tflops: fast, share: 0.26, gb_s: 300}\n")
    monkeypatch.setattr(cards, "PATH", tmp_path / "gpus.yaml")
    with pytest.raises(ParamsError, match=r"gpus\.yaml: L4: tflops = 'fast'"):
        cards.known()


# === sizes ===
def test_sizes_are_of_what_the_catalogues_name():
    for (kind, name), size in sizes.known().items():
        known = {"data": catalogue.entries(), "images": catalogue.archives(), "benchmark": benchmarks.known()}.get(kind)
        assert known is None or name in known, name
        assert size.seen in ("files", "rows", "memory"), name


@pytest.mark.parametrize(("files", "rows", "limit", "groups", "n"), [
    (22, 82772, 7100, 1, 2), (22, 82772, None, 1, 22), (22, 82772, 82772, 1, 22), (22, 82772, 10**6, 1, 22),
    (1, 2434, 140, 1, 1), (6, None, 5, 1, 6), (8, 77328, 4000, 8, 8), (15, 5670, 2500, 5, 10)])
def test_no_more_files_are_counted_than_samples_need(files, rows, limit, groups, n):
    """Of a benchmark the first files of each language."""
    assert sizes.first_files(files, rows, limit, groups) == n


def test_files_of_a_benchmark_that_are_here_are_not_counted(monkeypatch):
    names = [f"data/{code}-00000-of-00001.parquet" for code in ("ar", "en", "es", "fr", "ru")]
    tiny_hub.serve(monkeypatch, dict.fromkeys(names, b"12345"))
    one = next(one for one in plan_fetch.wanted(ONE_GPU) if one.name == "xvnli")
    hub.fetch(hub.listing("benchmark-xvnli", one.repo, one.revision, one.patterns, ""), names[1])
    [item] = plan_fetch.items([one], ask=False)
    assert (item.files, item.access) == ("4 of 5", "partly here")
