"""Signals reach the main thread, whichever thread the system gives them to."""

from __future__ import annotations

import os
import signal
import threading

from wamon.host.signals import Signals


def test_a_signal_that_another_thread_is_given_is_received() -> None:
    with Signals(signal.SIGUSR1) as signals:
        other = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1))
        other.start()
        assert next(iter(signals)) == signal.SIGUSR1
        other.join()


def test_signals_are_received_in_their_order_until_the_end() -> None:
    with Signals(signal.SIGUSR1, signal.SIGUSR2) as signals:
        for number in (signal.SIGUSR2, signal.SIGUSR1):
            os.kill(os.getpid(), number)
        signals.end()
        assert list(signals) == [signal.SIGUSR2, signal.SIGUSR1]


def test_the_former_handlers_stand_again_after_it() -> None:
    former = signal.getsignal(signal.SIGUSR1)
    with Signals(signal.SIGUSR1) as signals:
        pass
    signals.end()
    assert signal.getsignal(signal.SIGUSR1) == former
    assert signal.set_wakeup_fd(-1) == -1
