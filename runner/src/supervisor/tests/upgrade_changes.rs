//! What is different in the program that goes on: it holds once the reload has succeeded.

use super::check;

#[test]
fn another_number_is_scaled_to_after_the_reload() {
    check(
        "
        servers 1 2
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
            fork 1.1 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        upgrade 2, 1
        reload
            fork 0.0 g2 = 103
            fork 1.0 g2 = 104
        ready all
            103 ready in 0ns
            drain 100
            104 ready in 0ns
            drain 101
            fork 1.1 g2 = 105
        ready all
            105 ready in 0ns
            drain 102
            reloaded g2
            0 scaled 1 to 2
            1 scaled 2 to 1
            fork 0.1 g2 = 106
        +100ms
            100ms drain 105
        reload
            stop 106
            fork 0.0 g3 = 107
            fork 1.0 g3 = 108
        ",
    );
}

#[test]
fn a_new_server_is_forked_for_by_the_reload() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        upgrade same, 2
        +60s
        reload
            fork 0.0 g2 = 101
            fork 1.0 g2 = 102
            fork 1.1 g2 = 103
        ready all
            101 ready in 0ns
            drain 100
            102 ready in 0ns
            103 ready in 0ns
            reloaded g2
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            1.0 waits 100ms, failures: 1
        ",
    );
}

#[test]
fn a_new_server_has_nothing_to_return_to() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        upgrade same, 1
        reload
            fork 0.0 g2 = 101
            fork 1.0 g2 = 102
        ready 102
            102 ready in 0ns
        failed 101 no database
            no reload g2: 0.0 g2 no database
            stop 101
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
        +60s
            3s kill 101
        ",
    );
}

#[test]
fn a_removed_server_goes_after_the_reload() {
    check(
        "
        servers 1 2
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
            fork 1.1 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        upgrade same, gone
        exit 101 sig 11
            101 crashed, signal 11 after 0ns
        due 102
            102 has reached max_requests
        scale +1
            0 scaled 1 to 2
            fork 0.1 g1 = 103
        +60s
            10s kill 103
        exit 103 sig 9
            103 not ready in time, signal 9 after 60s
            0.1 waits 100ms, failures: 1
        reload
            fork 0.1 g2 = 104
            fork 0.0 g2 = 105
        ready all
            105 ready in 0ns
            drain 100
            104 ready in 0ns
            reloaded g2
            1 scaled 2 to 0
        +100ms
            60.1s drain 102
        scale 1
            0 scaled 2 to 1
        ",
    );
}

#[test]
fn a_removed_server_stays_when_the_reload_fails() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        upgrade same, gone
        reload
            fork 0.0 g2 = 102
        failed 102 no database
            no reload g2: 0.0 g2 no database
            stop 102
        exit 102 code 1
            102 cannot serve: no database, exit code 1 after 0ns
        upgrade same, same
        roll back 2
        reload
            fork 0.0 g3 = 103
            fork 1.0 g3 = 104
        ",
    );
}

#[test]
fn nothing_is_hoped_of_a_removed_server_without_workers() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        upgrade same, gone
        exit 100 code 78
            100 misconfigured: exit code 78, exit code 78 after 0ns
            0 degraded, failures: 0
            0.0 given up, retry: None
        exit 101 sig 11
            101 crashed, signal 11 after 0ns
            nothing serves: 0.0 g1 ended with exit code 78 soon after it was ready
            stopped
            finish 1
        ",
    );
}

#[test]
fn a_restart_ends_a_removed_server() {
    check(
        "
        servers 1 1
            fork 0.0 g1 = 100
            fork 1.0 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        upgrade same, gone
        restart
            stop 100
            stop 101
        exit all code 0
            100 asked, exit code 0 after 0ns
            fork 0.0 g2 = 102
            101 asked, exit code 0 after 0ns
        ",
    );
}
