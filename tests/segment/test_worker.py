# SPDX-License-Identifier: Apache-2.0
"""Whatever becomes of the worker costs no frame and shows as a note: real processes only."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from segment_bench import (
    MODEL,
    PATIENCE_S,
    PATIENT,
    SHAPE,
    Camera,
    camera,
    copied_card,
    needs_runtime,
)

from edgeleak import Pipeline, codes
from edgeleak.config import SegmentConfig
from edgeleak.errors import ConfigError
from edgeleak.segment import Network, Segmenter
from edgeleak.segment.memory import READY
from edgeleak.services.health import FINE, Trouble


def altered(code):
    """The real worker, altered by `code` before it runs."""
    run = "runpy.run_module('edgeleak.segment.worker', run_name='__main__')"
    return (sys.executable, "-c", f"import runpy, sys\n{code}\n{run}")


@needs_runtime
def test_it_answers_what_the_network_says_in_this_process():
    with camera(shape=(240, 320)) as rig:
        rig.take(30, plume=0).until_ready()
        rig.take(6, plume=80)
        asked = rig.segmenter.asked
        sequence = rig.segmenter.memory.question().sequence
        memory, network = rig.segmenter.memory, Network()
        rig.until(lambda: memory.reply().number == asked, "an answer")
        planes = network.planes(memory.counts, memory.background, memory.smoothed,
                                memory.question().noise_counts)  # fmt: skip
        wanted = network.detect(planes[..., 0], planes[..., 1], planes[..., 2])
        np.testing.assert_array_equal(memory.probability, wanted)
        rig.take()
        opinion = rig.segmenter.opinion
        assert opinion.sequence == sequence
        assert opinion.gas_px == (wanted >= network.card.model.threshold).sum()
        assert opinion.is_gas == (opinion.gas_px >= network.card.model.least_px)
        assert rig.segmenter.probability((240, 320)).shape == (240, 320)
        assert rig.segmenter.report() == FINE


@needs_runtime
def test_it_is_asked_as_often_as_configured_and_never_twice_at_once():
    with camera() as rig:
        rig.until_ready()
        os.kill(rig.worker.pid, signal.SIGSTOP)
        rig.take(100)
        assert rig.segmenter.asked == 1  # learnt, asked once, no answer
        assert rig.segmenter.skipped > 50


@needs_runtime
def test_a_worker_that_loads_is_given_its_time():
    with camera() as rig:
        first = rig.worker.pid
        rig.pass_s(50)
        assert rig.worker.pid == first
        rig.until_ready()
        assert rig.segmenter.deaths == 0


@needs_runtime
def test_a_killed_worker_is_a_note_until_the_next_one_answers():
    with camera() as rig:
        rig.until_ready().until_answered()
        assert rig.segmenter.opinion is not None
        first, answered = rig.worker.pid, rig.segmenter.memory.reply()
        rig.worker.kill()
        rig.worker.wait()
        rig.pass_s(1).take(50)
        assert rig.segmenter.report() == Trouble(codes.SEGMENT_GONE, 1, 5)
        assert rig.segmenter.opinion is None
        rig.pass_s(2).take()
        assert rig.worker.pid != first
        assert rig.segmenter.opinion is None, "what the dead one said is no answer to anything"
        assert rig.segmenter.memory.reply().sequence == answered.sequence
        rig.until_ready().until_answered()
        assert rig.segmenter.report() == FINE
        assert rig.segmenter.opinion is not None


@needs_runtime
def test_a_stopped_worker_is_slow_then_ended_then_another_answers():
    with camera() as rig:
        rig.until_ready().until_answered()
        stopped = rig.worker
        os.kill(stopped.pid, signal.SIGSTOP)
        rig.take(110)
        found = rig.segmenter.report()
        assert (found.code, found.expected) == (codes.SEGMENT_SLOW, 10.0)
        assert stopped.poll() is None
        rig.pass_s(80)
        assert stopped.poll() is None
        told = [rig.pass_s(1).segmenter.report().code for _ in range(20)]  # ended in one of them
        assert stopped.wait(PATIENCE_S) == -signal.SIGKILL
        told.append(rig.pass_s(1).segmenter.report().code)
        assert codes.SEGMENT_GONE in told
        rig.pass_s(2).until_ready().until_answered()
        assert rig.segmenter.report() == FINE


@needs_runtime
def test_a_model_without_end_ends_its_process_even_if_nobody_looks():
    code = (
        "from edgeleak.segment.network import Network\n"
        "def hang(*planes):\n"
        "    while True: pass\n"
        "Network.detect = hang"
    )
    config = replace(PATIENT, deadline_ms=20)  # gives up after 0.2 s
    with camera(config, altered(code)) as rig:
        rig.until_ready().take(30)
        assert rig.worker.wait(PATIENCE_S) == -signal.SIGALRM
        rig.pass_s(1)
        assert rig.segmenter.report().code == codes.SEGMENT_GONE


@needs_runtime
def test_a_late_answer_is_no_opinion():
    code = (
        "from edgeleak import clock\n"
        "class Slow(clock.SystemClock):\n"
        "    turn = 0\n"
        "    def monotonic_ns(self):\n"
        "        Slow.turn += 1\n"
        "        return Slow.turn * 12_000_000_000\n"
        "clock.SystemClock = Slow"
    )
    with camera(PATIENT, altered(code)) as rig:
        rig.until_ready().until_answered()
        assert rig.segmenter.opinion is None
        assert rig.segmenter.late >= 1  # one for each frame that brought an answer
        assert rig.segmenter.report() == Trouble(codes.SEGMENT_SLOW, 12.0, 10.0)


def test_a_worker_that_always_dies_is_left_alone():
    with camera(command=(sys.executable, "-S", "-c", "import os; os.abort()")) as rig:
        spawned = set()
        for _ in range(30):
            if rig.worker is not None:
                spawned.add(rig.worker.pid)
                rig.worker.wait()
            rig.pass_s(10).take()
        assert len(spawned) == 6
        assert rig.segmenter.report() == Trouble(codes.SEGMENT_GONE, 6, 5)
        assert rig.frames == 30


def exhausted(*_arguments, **_options):
    """In place of Popen, where the machine has no process to give."""
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def test_a_machine_without_processes_costs_the_opinion_only(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", exhausted)
        rig = Camera()
        assert rig.segmenter.report() == Trouble(codes.SEGMENT_GONE, 1, 5)
        rig.pass_s(1)
        assert rig.segmenter.deaths == 2
        rig.pass_s(1)
        assert rig.segmenter.deaths == 2, "not before its time"
    rig.pass_s(1)
    assert rig.worker is not None
    assert rig.segmenter.report().code == codes.OK
    rig.segmenter.close()


def refused(rig):
    """The worker's exit code, after it refused and was left alone."""
    status = rig.worker.wait(PATIENCE_S)
    rig.pass_s(200).take(10)
    assert rig.worker is None, "a refusal is not tried again"
    assert rig.segmenter.deaths == 0
    return status


@needs_runtime
def test_a_wrong_hash_is_refused_before_a_runtime_sees_it(tmp_path):
    card = copied_card(tmp_path)
    with (tmp_path / MODEL.name).open("ab") as file:
        file.write(b"x")
    code = "sys.modules['tflite_runtime'] = sys.modules['ai_edge_litert'] = None"
    with camera(replace(PATIENT, model=str(card)), altered(code)) as rig:
        assert refused(rig) == 65  # not 69: it never came to the runtime
        assert rig.segmenter.report().code == codes.SEGMENT_MODEL


def test_a_missing_runtime_is_said():
    code = "sys.modules['tflite_runtime'] = sys.modules['ai_edge_litert'] = None"
    with camera(command=altered(code)) as rig:
        assert refused(rig) == 69
        assert rig.segmenter.report().code == codes.SEGMENT_RUNTIME


@needs_runtime
def test_a_model_that_finds_something_else_is_refused(tmp_path):
    card = copied_card(tmp_path, gas_px="3", tolerance_px="1")
    with camera(replace(PATIENT, model=str(card))) as rig:
        assert refused(rig) == 65
        found = rig.segmenter.report()
        assert (found.code, found.expected) == (codes.SEGMENT_WRONG, 3)


def garbled(kind):
    """Bytes that are no good model, with a card that vouches for them."""
    content = bytearray(MODEL.read_bytes())
    if kind == "cut short":
        return bytes(content[: len(content) // 2])
    if kind == "text":
        return b"this is no model\n" * 999
    rng = np.random.default_rng(int(kind))
    for at in rng.integers(0, len(content), 200):
        content[at] = rng.integers(256)
    return bytes(content)


@needs_runtime
@pytest.mark.parametrize("kind", ["cut short", "text", "1"])
def test_a_garbled_model_with_a_right_hash_ends_in_the_worker(tmp_path, kind):
    """The runtime may refuse it, answer nonsense or crash; all three cost no frame."""
    card = copied_card(tmp_path, garbled(kind))
    with camera(replace(PATIENT, model=str(card))) as rig:
        status = rig.worker.wait(PATIENCE_S)
        rig.pass_s(1).take(10)
        assert status != 0
        allowed = {codes.SEGMENT_MODEL, codes.SEGMENT_WRONG, codes.SEGMENT_GONE}
        assert rig.segmenter.report().code in allowed
        assert rig.frames == 10


def test_no_card_is_a_note_and_no_process(tmp_path):
    with camera(SegmentConfig(model=str(tmp_path / "none.toml"))) as rig:
        rig.take(30).pass_s(3)
        assert rig.worker is None
        assert rig.segmenter.report().code == codes.SEGMENT_MODEL
        assert rig.segmenter.probability(SHAPE) is None


def test_a_profile_without_counts_is_refused():
    with pytest.raises(ConfigError, match="sensitive"):
        Segmenter(Pipeline(SHAPE, "paper", fps=10), SegmentConfig(is_on=True))


@needs_runtime
def test_a_camera_that_dies_takes_its_worker_with_it():
    with camera() as rig:
        rig.until_ready()
        rig.worker.stdin.close()  # what the kernel does when the camera is killed
        assert rig.worker.wait(PATIENCE_S) == 0
        assert rig.segmenter.memory.state().phase == READY


def test_the_worker_gives_way_to_everybody():
    code = (
        "import os, resource\n"
        "from edgeleak.segment import worker\n"
        "worker._be_expendable()\n"
        "print(os.nice(0), resource.getrlimit(resource.RLIMIT_AS)[0],"
        " open('/proc/self/oom_score_adj').read().strip())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    nice, most_bytes, score = (int(word) for word in found.stdout.split())
    assert nice >= 10
    assert most_bytes == 1 << 30
    assert score == 1000
