//! Mistakes that were once made, each by its name.

use super::*;

/// The new generation was never tried where an older worker failed after the reload had begun.
#[test]
fn a_failure_of_an_old_worker_held_up_the_new_generation() {
    check(
        "
        server 1 restarts=0
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        exit 100 code 1
            100 crashed, exit code 1 after 1s
            0 degraded, failures: 1
            fork 0.0 g1 = 101
        misconfigured 101 no such table
        reload
            stop 101
        exit 101 code 78
            101 misconfigured: no such table, exit code 78 after 0ns
            fork 0.0 g2 = 102
        ready 102
            102 ready in 0ns
            reloaded g2
        ",
    );
}

/// Without delay, and for ever.
#[test]
fn a_successor_that_is_misconfigured_was_forked_again_and_again() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        +1s
        due 100
            100 has reached max_requests
            fork 0.0 g1 = 101
        exit 101 code 78
            101 misconfigured: exit code 78, exit code 78 after 0ns
        +100ms
            1.1s fork 0.0 g1 = 102
        exit 102 code 78
            102 misconfigured: exit code 78, exit code 78 after 0ns
        exit 100 code 1
            100 crashed, exit code 1 after 1.1s
            fork 0.0 g1 = 103
        ",
    );
}

/// After a reload that had failed by that, nothing came when the old worker went.
#[test]
fn a_misconfigured_successor_gave_the_slot_up_in_which_the_old_worker_served() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
            fork 0.0 g2 = 101
        misconfigured 101 no such table
            no reload g2: 0.0 g2 no such table
            stop 101
        exit 101 code 78
            101 misconfigured: no such table, exit code 78 after 0ns
        +1s
        exit 100 code 0
            100 finished, exit code 0 after 1s
            fork 0.0 g1 = 102
        ",
    );
}

/// It was degraded and recovered in one moment.
#[test]
fn a_misconfigured_worker_that_nobody_wants_degraded_its_server() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        scale 2
            0 scaled 1 to 2
            fork 0.1 g1 = 101
        misconfigured 101 no such table
        scale 1
            0 scaled 2 to 1
            stop 101
        exit 101 code 78
            101 misconfigured: no such table, exit code 78 after 0ns
        ",
    );
}

/// They went although another one had failed meanwhile, or more were wanted.
#[test]
fn workers_retired_that_were_needed_again() {
    check(
        "
        server 3 surge=0 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        reload
        +50ms
        exit 102 code 1
            102 crashed, exit code 1 after 50ms
            fork 0.2 g2 = 103
        +1s
        ready all
            103 ready in 1s
        +100ms
            1.15s drain 100
        ",
    );
}

/// The share of few workers is none: the reload had no end.
#[test]
fn no_budget_was_left_of_a_share() {
    check(
        "
        server 1 surge=0 unavailable=0
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        reload
        +100ms
            100ms drain 100
        exit 100 code 0
            100 asked, exit code 0 after 100ms
            fork 0.0 g2 = 101
        ready all
            101 ready in 0ns
            reloaded g2
        ",
    );
}

/// The slot that the reload had emptied stayed empty, the old generation served in the other, and
/// the reload had no end.
#[test]
fn a_reload_without_room_for_two_did_not_go_back() {
    check(
        "
        server 2 surge=0 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        reload
        +100ms
            100ms drain 100
        exit 100 code 0
            100 asked, exit code 0 after 100ms
            fork 0.0 g2 = 102
        misconfigured 102 no such table
            no reload g2: 0.0 g2 no such table
            stop 102
        exit 102 code 78
            102 misconfigured: no such table, exit code 78 after 0ns
            fork 0.0 g1 = 103
        ready all
            103 ready in 0ns
        ",
    );
}

/// It took a worker with it that was to go for the reload only.
#[test]
fn a_reload_that_had_failed_retired_a_worker() {
    check(
        "
        server 2 surge=1 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        reload
            fork 0.0 g2 = 102
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            no reload g2: 0.0 g2 ended with exit code 1 before it was ready
        +10s
        ",
    );
}

/// Both times came in one moment.
#[test]
fn a_reload_that_was_about_to_fail_retired_a_worker() {
    check(
        "
        server 3 surge=1 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
            fork 0.2 g1 = 102
        ready all
            100 ready in 0ns
            101 ready in 0ns
            102 ready in 0ns
            started
        reload
            fork 0.0 g2 = 103
        +9900ms
            100ms drain 101
        exit 101 code 0
            101 asked, exit code 0 after 9.9s
            fork 0.1 g2 = 104
        ready 104
            104 ready in 0ns
        +100ms
            10s kill 103
            10s no reload g2: 0.0 g2 not ready within 10s
        +1s
        workers
            0.0 g1 100 Ready
            0.0 g2 103 Stopping
            0.1 g2 104 Ready
            0.2 g1 102 Ready
        ",
    );
}

/// A slot that was empty before used up the budget, and no reload could end.
#[test]
fn a_reload_waited_for_a_slot_that_fails() {
    check(
        "
        server 2 surge=0 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        exit 100 code 1
            100 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
        reload
            fork 0.0 g2 = 102
        exit 102 code 1
            102 crashed, exit code 1 after 0ns
            0.0 waits 100ms, failures: 1
            no reload g2: 0.0 g2 ended with exit code 1 before it was ready
            fork 0.0 g1 = 103
        ready all
            103 ready in 0ns
        ",
    );
}

/// The reload has ended while the slot was not wanted.
#[test]
fn a_worker_that_was_wanted_again_stayed_of_an_old_generation() {
    check(
        "
        server 2
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
        exit 100 code 1
            100 crashed, exit code 1 after 1s
            fork 0.0 g1 = 102
        scale 1
            0 scaled 2 to 1
        reload
            stop 102
        exit 102 code 0
            102 asked, exit code 0 after 0ns
            fork 0.0 g2 = 103
        ready 103
            103 ready in 0ns
            reloaded g2
        scale 2
            0 scaled 1 to 2
            fork 0.1 g2 = 104
        ready 104
            104 ready in 0ns
            drain 101
        ",
    );
}

/// Each worker reached its limit with the first request: as many forks as requests.
#[test]
fn a_limit_that_is_reached_at_once_was_a_loop_of_forks() {
    check(
        "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        due 100
            100 has reached max_requests
        +1s
            1s fork 0.0 g1 = 101
        ready 101
            101 ready in 0ns
            drain 100
        due 101
            101 has reached max_requests
        +1s
            2s fork 0.0 g1 = 102
        ",
    );
}

/// One more and one fewer, while the workers drain for long: as many processes as commands.
#[test]
fn slots_that_were_emptied_again_and_again_kept_any_number_of_draining_workers() {
    let mut script = "
        server 1
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
    "
    .to_owned();
    for cycle in 0..5 {
        let (pid, at) = (101 + cycle, (cycle + 1) * 100);
        script += &format!(
            "
        scale 2
            0 scaled 1 to 2
            fork 0.1 g1 = {pid}
        ready all
            {pid} ready in 0ns
        scale 1
            0 scaled 2 to 1
        +100ms
            {at}ms drain {pid}
            "
        );
    }
    script += "
            500ms stop 101
        scale 2
            0 scaled 1 to 2
        +1s
        exit 101 code 0
            101 asked, exit code 0 after 1.5s
            fork 0.1 g1 = 106
    ";
    check(&script);
}

/// The machine stood still twice, the second time too shortly to be noticed.
#[test]
fn a_look_that_came_late_was_taken_for_a_second_proof() {
    check(
        "
        server 1 heartbeat=10s
            fork 0.0 g1 = 100
        ready all
            100 ready in 0ns
            started
        late 10500ms
            heartbeat of 100?
        heartbeat 100 10500ms
        late 900ms
            heartbeat of 100?
        heartbeat 100 11400ms
        +100ms
            11.5s heartbeat of 100?
        heartbeat 100 0s
        ",
    );
}

/// There is always one on its way out: drains are longer than lives.
#[test]
fn a_server_that_recycles_all_the_time_did_not_recover() {
    check(
        "
        server 2 restarts=0 window=5s surge=0 unavailable=1
            fork 0.0 g1 = 100
            fork 0.1 g1 = 101
        ready all
            100 ready in 0ns
            101 ready in 0ns
            started
        +1s
        exit 100 code 1
            100 crashed, exit code 1 after 1s
            0 degraded, failures: 1
            fork 0.0 g1 = 102
        due 101
            101 has reached max_requests
        ready all
            102 ready in 0ns
        +100ms
            1.1s drain 101
        +1s
        due 102
            102 has reached max_requests
        exit 101 code 0
            101 recycled: max_requests, exit code 0 after 2.1s
            fork 0.1 g1 = 103
        ready all
            103 ready in 0ns
        +1s
            2.2s drain 102
        +3s
            6s 0 recovered
        ",
    );
}

/// It was told again with each event until the clocks were looked after.
#[test]
fn a_pause_was_told_twice() {
    let server = ServerSettings { max_lifetime: Some(Time::from_secs(60)), ..Default::default() };
    let mut supervisor = Supervisor::new(Time::ZERO, Settings::default(), &[server]);
    let slot = SlotId { server: 0, slot: 0 };
    supervisor.handle(Time::ZERO, Event::Forked { slot, generation: 1, pid: Pid(100) });
    supervisor.handle(Time::ZERO, Event::Ready { pid: Pid(100) });
    let late = Time::from_secs(100);
    supervisor.handle(late, Event::Ready { pid: Pid(1) });
    supervisor.handle(late, Event::Ready { pid: Pid(1) });
    supervisor.handle_timeout(late);
    let actions = std::iter::from_fn(|| supervisor.poll_action());
    let pauses = actions.filter(|it| matches!(it, Action::Report(Report::Paused { .. }))).count();
    assert_eq!(pauses, 1);
}

/// No slot of either server was left to try, and one of them was not wanted any more.
#[test]
fn a_server_without_workers_ended_the_program() {
    let server = ServerSettings { bounds: (0, 2), ..ServerSettings::default() };
    let mut supervisor = Supervisor::new(Time::ZERO, Settings::default(), &[server]);
    let (slot, pid) = (SlotId { server: 0, slot: 0 }, Pid(100));
    let crash = Event::Exited { pid, ending: ExitStatus::Signal(6).into() };
    supervisor.handle(Time::ZERO, Event::Forked { slot, generation: 1, pid });
    supervisor.handle(Time::ZERO, Event::Ready { pid });
    supervisor.handle(Time::ZERO, crash);
    let none = Command::Scale { server: None, to: Scale::To(0) };
    supervisor.handle(Time::ZERO, Event::Command(none));
    let mut actions = std::iter::from_fn(|| supervisor.poll_action());
    assert!(actions.all(|action| !matches!(action, Action::Finish { .. })));
}
