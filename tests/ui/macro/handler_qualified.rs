use runner::server;

#[derive(Default)]
struct Api;

#[server(tcp, bind = "127.0.0.1:0")]
impl Api {
    async unsafe fn receive(&self) {}

    const fn connect(&self) {}

    async extern "C" fn close(&self) {}
}
