use runner::server;

#[derive(Default)]
struct Api;

#[server(http, bind = "127.0.0.1:0", nice = -21, oom_score_adj = 1001)]
impl Api {
    async fn request(&self) {}
}
