use runner::master;

#[master(umask = "0o1777")]
struct App;
