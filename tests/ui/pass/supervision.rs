//! How workers are watched, replaced and confined: every way to write it.

use runner::prelude::*;
use runner::{Capability, CpuAffinity, Limit, Server, Share, Workers};
use std::time::Duration;

const LIMIT: u64 = 65_536;
const WORKERS: Workers = Workers::Range { min: 2, max: 8 };
const OFF: Option<Duration> = None;
const KEPT: [Capability; 1] = [Capability::Kill];

#[derive(Default)]
struct Literals;

#[server(
    tcp,
    bind = "127.0.0.1:0",
    workers = "4..=16",
    heartbeat_timeout = "off",
    max_requests = 100_000,
    max_lifetime = "12h",
    max_memory = "512MiB",
    max_restarts = 0,
    restart_window = "5m",
    max_surge = "25%",
    max_unavailable = 1,
    cpu_affinity = "0-3,8",
    nice = -5,
    oom_score_adj = -1000,
    rlimits(nofile = 65_536, nproc = 64, core = 0, memlock = "64MiB", stack = "8MiB", fsize = "1GiB", as = "4GiB", cpu = "unlimited", data = unlimited),
    no_new_privs = true,
    capabilities = ["chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore"],
    chroot = "/srv"
)]
impl Literals {
    async fn receive(&self) {}
}

#[derive(Default)]
struct Words;

#[server(tcp, bind = "127.0.0.1:0", workers = 4..=16, cpu_affinity = auto, heartbeat_timeout = off, capabilities = "CAP_KILL", rlimits(as = LIMIT * 2))]
impl Words {
    async fn receive(&self) {}
}

#[derive(Default)]
struct Expressions;

#[server(tcp, bind = "127.0.0.1:0", workers = WORKERS, cpu_affinity = [0, CORE], heartbeat_timeout = OFF, capabilities = KEPT, max_surge = Share::Percent(10), rlimits(core = Limit::Unlimited))]
impl Expressions {
    async fn receive(&self) {}
}

const CORE: usize = 1;

#[derive(Default)]
struct Nothing;

#[server(tcp, bind = "127.0.0.1:0", capabilities = [], heartbeat_timeout = Duration::from_secs(5))]
impl Nothing {
    async fn receive(&self) {}
}

struct App;

#[master(spawn = "exec", control = "/run/app.sock")]
impl App {
    fn preload(&self) -> Result<()> {
        Ok(())
    }
}

fn built(server: Server) -> Server {
    server
        .workers(4..=16)
        .heartbeat_timeout(Duration::from_secs(10))
        .heartbeat_timeout(None)
        .max_surge(2)
        .max_unavailable(Share::Percent(10))
        .cpu_affinity([0, 1])
        .cpu_affinity(vec![0, 1])
        .cpu_affinity(CpuAffinity::Auto)
        .nice(-5)
        .rlimit_nofile(65_536)
        .rlimit_core(Limit::Unlimited)
        .capabilities([Capability::NetBindService])
        .chroot("/srv")
}

fn main() {
    let _: fn(Server) -> Server = built;
}
