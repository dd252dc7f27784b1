use super::*;

#[test]
fn a_graceful_stop_drains() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        stop
            drain 100
            drain 101
        +19s
        exit 100 code 0
            100 asked, exit code 0 after 19s
        exit 101 code 0
            101 asked, exit code 0 after 19s
            stopped
            finish 0
        ",
    );
}

#[test]
fn a_drain_has_a_deadline() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            drain 100
        +60s
            21s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 60s
            stopped
            finish 0
        ",
    );
}

#[test]
fn a_stop_now_has_a_deadline() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        stop now
            stop 100
            stop 101
        exit 101 sig 15
            101 asked, signal 15 after 0ns
        +60s
            3s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 60s
            stopped
            finish 0
        ",
    );
}

/// P21: a worker that is told to stop before it is READY, and one that is deaf.
#[test]
fn a_worker_that_does_not_serve_yet_has_nothing_to_drain() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        stop
            stop 100
            stop 101
        ready 100
        exit 100 sig 15
            100 asked, signal 15 after 0ns
        +3s
            3s kill 101
        exit 101 sig 9
            101 overdue, signal 9 after 3s
            finish 0
        ",
    );
}

#[test]
fn each_further_stop_makes_it_faster() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            drain 100
        +1s
        stop
            stop 100
        +1s
        stop
            kill 100
        stop
        exit 100 sig 9
            100 asked, signal 9 after 2s
            stopped
            finish 0
        stop
        ",
    );
}

#[test]
fn a_stop_now_after_a_graceful_one_keeps_the_nearer_deadline() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        stop
            drain 100
        +20s
        stop now
            stop 100
        +1s
            21s kill 100
        exit 100 sig 9
            100 overdue, signal 9 after 21s
            stopped
            finish 0
        ",
    );
}

#[test]
fn a_stop_in_the_middle_of_a_reload() {
    check(
        "
        servers 5
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
            fork 0.3 g1 = 103
            fork 0.4 g1 = 104
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            103 ready in 0ns
            104 ready in 0ns
            started
        reload
            fork 0.0 g2 = 105
            fork 0.1 g2 = 106
        ready 105
            105 ready in 0ns
            drain 100
            fork 0.2 g2 = 107
        stop
            no reload g2: Stopping
            drain 105
            drain 101
            stop 106
            drain 102
            stop 107
            drain 103
            drain 104
        exit all code 0
            100 asked, exit code 0 after 0ns
            105 asked, exit code 0 after 0ns
            101 asked, exit code 0 after 0ns
            106 asked, exit code 0 after 0ns
            102 asked, exit code 0 after 0ns
            107 asked, exit code 0 after 0ns
            103 asked, exit code 0 after 0ns
            104 asked, exit code 0 after 0ns
            stopped
            finish 0
        ",
    );
}

#[test]
fn a_stop_ends_the_back_off() {
    check(
        "
        servers 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        stop
            stopped
            finish 0
        +60s
        ",
    );
}

#[test]
fn nothing_is_replaced_while_the_program_stops() {
    check(
        "
        servers 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        stop
            drain 100
            drain 101
        reload
            ignored Reload
        restart
            ignored Restart
        exit 100 sig 11
            100 asked, signal 11 after 0ns
        exit 101 code 0
            101 asked, exit code 0 after 0ns
            stopped
            finish 0
        reload
        ",
    );
}

#[test]
fn a_stop_takes_back_the_forks_that_were_not_begun() {
    let server = ServerSettings {
        workers: 3,
        start_timeout: NEVER,
        drain_timeout: NEVER,
        ..ServerSettings::default()
    };
    let mut supervisor = Supervisor::new(Time::ZERO, Settings::default(), &[server]);
    supervisor.handle(Time::ZERO, Event::Command(Command::Stop(Stop::Now)));
    assert_eq!(supervisor.poll_action(), Some(Action::Finish { code: 0 }));
    assert_eq!(supervisor.poll_action(), None);
}
