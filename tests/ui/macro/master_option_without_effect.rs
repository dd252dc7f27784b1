use runner::master;

#[master(control = "/run/app.sock", spawn = "exec")]
struct App;
