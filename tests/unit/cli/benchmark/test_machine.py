"""What the figures were taken on."""

import platform

from gateway.cli.benchmark.machine import cpu_model, this_machine


def test_the_processors_name_is_the_kernels() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: A Processor 9000\nmodel name\t: B\n") == "A Processor 9000"


def test_a_kernel_that_tells_no_name_leaves_the_architecture() -> None:
    assert cpu_model("processor\t: 0\n") == platform.machine()


def test_this_machine_has_cores_and_a_date() -> None:
    machine = this_machine()

    assert machine.cores >= 1
    assert machine.date.endswith("+00:00")
