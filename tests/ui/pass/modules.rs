//! Servers in modules: each imports the same `main`, and none of them is in the way.

mod first {
    use runner::prelude::*;

    #[derive(Default)]
    pub struct Hello;

    #[server(http, bind = "127.0.0.1:0")]
    impl Hello {
        async fn request(&self) {}
    }
}

mod second {
    #[derive(Default)]
    pub struct Echo;

    mod handlers {
        use super::Echo;
        use runner::prelude::*;

        #[server(tcp, bind = "127.0.0.1:0")]
        impl Echo {
            async fn receive(&self) {}
        }
    }
}

mod master {
    use runner::prelude::*;

    #[master(servers(crate::first::Hello, crate::second::Echo))]
    pub struct App;
}

fn main() {
    assert_eq!(runner::__private::SERVERS.len(), 2);
    assert_eq!(runner::__private::MASTERS.len(), 1);
    let listed = runner::__private::MASTERS[0].servers.map(<[_]>::len);
    assert_eq!(listed, Some(2));
}
