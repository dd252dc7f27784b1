//! Arbitrary texts handed over as a ledger.

use super::ORIGIN;
use crate::supervisor::{
    Action, Adopted, Command, Event, ExitStatus, Ledger, Pid, ServerSettings, Settings, Stop,
    Supervisor, Time,
};

/// It is refused, or gives a supervisor like any other: it can be rolled back, reloaded and stopped.
/// Every third server is removed, and there is a new one.
pub(crate) fn fuzz_ledger(data: &[u8]) {
    let Ok(ledger) = serde_json::from_slice::<Ledger>(data) else {
        return;
    };
    let adopted = |(index, ledger)| Adopted {
        settings: ServerSettings::default(),
        ledger: Some(ledger),
        removed: index % 3 == 2,
    };
    let new = Adopted { settings: ServerSettings::default(), ledger: None, removed: false };
    let servers = ledger.servers.into_iter().enumerate().map(adopted).chain([new]).collect();
    let adopted = Supervisor::adopt(ORIGIN, Settings::default(), servers, ledger.newest);
    let Ok(mut supervisor) = adopted else {
        return;
    };
    let again = serde_json::to_vec(&supervisor.ledger()).expect("written");
    assert_eq!(serde_json::from_slice::<Ledger>(&again).ok(), Some(supervisor.ledger()));
    act(&mut supervisor, ORIGIN);
    supervisor.roll_back(ORIGIN, ledger.newest);
    act(&mut supervisor, ORIGIN);
    let later = ORIGIN + Time::from_secs(3600);
    supervisor.handle_timeout(later);
    act(&mut supervisor, later);
    for command in [Command::Reload, Command::Restart, Command::Stop(Stop::Now)] {
        supervisor.handle(later, Event::Command(command));
        act(&mut supervisor, later);
    }
    let ending = ExitStatus::Code(0).into();
    for pid in pids(&supervisor) {
        supervisor.handle(later, Event::Exited { pid, ending });
    }
    let last = std::iter::from_fn(|| supervisor.poll_action()).last();
    assert!(matches!(last, Some(Action::Finish { .. })), "{supervisor:?}");
}

/// Every fork works; nothing else is answered.
fn act(supervisor: &mut Supervisor, now: Time) {
    while let Some(action) = supervisor.poll_action() {
        if let Action::Fork { slot, generation } = action {
            let known = pids(supervisor);
            let pid = (1..).map(Pid).find(|pid| !known.contains(pid)).expect("a number");
            supervisor.handle(now, Event::Forked { slot, generation, pid });
        }
    }
}

fn pids(supervisor: &Supervisor) -> Vec<Pid> {
    let workers = supervisor.status().flat_map(|server| server.workers);
    workers.filter_map(|worker| worker.pid).collect()
}
