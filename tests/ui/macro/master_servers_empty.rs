use runner::master;

#[master(servers())]
struct App;
