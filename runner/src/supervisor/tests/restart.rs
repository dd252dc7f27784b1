use super::check;

#[test]
fn a_restart_stops_all_and_forks_each_when_its_slot_is_free() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        restart
            stop 100
            stop 101
        exit 101 code 0
            101 asked, exit code 0 after 0ns
            fork 0.1 g2 = 102
        ready 102
            102 ready in 0ns
        +3s
            3s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 3s
            fork 0.0 g2 = 103
        ready 103
            103 ready in 0ns
        workers
            0.0 g2 103 Ready
            0.1 g2 102 Ready
        ",
    );
}

#[test]
fn a_restart_ends_reload_drain_and_back_off() {
    check(
        "
        servers 4
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            started
        exit 103 code 1
            103 crashed, exit code 1 after 0ns
            0.3 waits 100ms, failures: 1
        reload
            fork 0.3 g2 = 104
            fork 0.0 g2 = 105
        ready 104
            104 ready in 0ns
        ready 105
            105 ready in 0ns
            drain 100
            fork 0.1 g2 = 106
        restart
            no reload g2: Superseded { by: 3 }
            stop 100
            stop 105
            stop 101
            stop 106
            stop 102
            stop 104
        exit all code 0
            100 asked, exit code 0 after 0ns
            105 asked, exit code 0 after 0ns
            fork 0.0 g3 = 107
            101 asked, exit code 0 after 0ns
            106 asked, exit code 0 after 0ns
            fork 0.1 g3 = 108
            102 asked, exit code 0 after 0ns
            fork 0.2 g3 = 109
            104 asked, exit code 0 after 0ns
            fork 0.3 g3 = 110
        workers
            0.0 g3 107 Starting
            0.1 g3 108 Starting
            0.2 g3 109 Starting
            0.3 g3 110 Starting
        ",
    );
}

/// P31, for one slot; the properties have the rest.
#[test]
fn restarts_in_a_row_make_one_worker() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        restart
            stop 100
        restart
        restart
        exit 100 code 0
            100 asked, exit code 0 after 0ns
            fork 0.0 g4 = 101
        restart
            stop 101
        restart
        ready 101
        exit 101 code 0
            101 asked, exit code 0 after 0ns
            fork 0.0 g6 = 102
        ready 102
            102 ready in 0ns
        workers
            0.0 g6 102 Ready
        ",
    );
}

/// The one who forks should answer at once; if not, no process is lost.
#[test]
fn a_fork_that_is_answered_after_it_was_withdrawn_is_stopped() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        forks hang
        exit 100 sig 11
            100 crashed, signal 11 after 1s
            fork 0.0 g1
        restart
            fork 0.0 g2
        forks work
            fork 0.0 g1 = 101
            stop 101
            fork 0.0 g2 = 102
        ready all
            102 ready in 0ns
        exit 101 code 0
            101 asked, exit code 0 after 0ns
        workers
            0.0 g2 102 Ready
        ",
    );
}
