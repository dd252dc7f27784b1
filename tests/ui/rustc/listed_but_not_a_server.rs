use runner::master;

struct Plain;

#[master(servers(Plain))]
struct App;
