#[server(http, crate = rn)]
impl Api {}
