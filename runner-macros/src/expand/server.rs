//! A `#[server]`: its handler traits, its builder and its registration.

use super::{handlers, import_main, item, settings};
use crate::events::{Owner, SERVICE_SOURCE, WORKER_START_SOURCE};
use crate::model::{Handler, Server};
use crate::paths::{Paths, at};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

pub(crate) fn server(tokens: &TokenStream, server: &Server) -> TokenStream {
    let paths = Paths::new(server.root.as_ref());
    let (item, main) = (item(tokens), import_main(&paths, &server.cfgs));
    let (lifecycle, handler) = (lifecycle(&paths, server), handler(&paths, server));
    let (registered, once) = (registered(&paths, server), once(server));
    let cfgs = &server.cfgs;
    quote! {
        #item
        #main
        #(#cfgs)*
        const _: () = {
            #lifecycle
            #handler
            #registered
            #once
        };
    }
}

fn lifecycle(paths: &Paths, server: &Server) -> TokenStream {
    let Paths { private, .. } = paths;
    let self_type = &server.self_type;
    let methods = methods(paths, server, Owner::Lifecycle);
    quote! {
        #[automatically_derived]
        impl #private::Lifecycle for #self_type {
            #(#methods)*
        }
    }
}

fn handler(paths: &Paths, server: &Server) -> TokenStream {
    let Paths { private, .. } = paths;
    let (self_type, module) = (&server.self_type, format_ident!("{}", server.kind.name));
    let methods = methods(paths, server, Owner::Handler);
    let request =
        server.handler("request").map(|handler| handlers::request(paths, self_type, handler));
    quote! {
        #[automatically_derived]
        impl #private::#module::Handler for #self_type {
            #request
            #(#methods)*
        }
    }
}

fn methods(paths: &Paths, server: &Server, owner: Owner) -> Vec<TokenStream> {
    let methods = server.handlers.iter();
    let method = |handler| handlers::method(paths, &server.self_type, server.kind, owner, handler);
    methods.filter_map(method).collect()
}

fn registered(paths: &Paths, server: &Server) -> TokenStream {
    let Paths { private, str, .. } = paths;
    let (self_type, addresses) = (&server.self_type, server.addresses());
    let constructor = constructor(paths, server);
    let calls = settings::calls(paths, &server.settings);
    quote! {
        #[automatically_derived]
        impl #private::Registered for #self_type {
            const ENTRY: &'static #private::ServerEntry = &#private::ServerEntry {
                build: || #constructor #calls,
            };
            const ADDRESSES: &'static [&'static #str] = &[#(#addresses),*];
        }

        #[#private::linkme::distributed_slice(#private::SERVERS)]
        #[linkme(crate = #private::linkme)]
        static __REGISTERED: &#private::ServerEntry =
            <#self_type as #private::Registered>::ENTRY;
    }
}

/// The call of the builder that says how a worker makes its handler. It has the span of the
/// attribute, which is what the start-up table prints.
fn constructor(paths: &Paths, server: &Server) -> TokenStream {
    let Paths { private, arguments, error, ok, .. } = paths;
    let self_type = &server.self_type;
    let constructor = format_ident!("{}", server.kind.constructor.unwrap_or("http_with"));
    let handler = match server.handler("worker_start") {
        Some(handler) => worker_start(paths, server, handler),
        None => {
            let (span, Paths { arguments, .. }) =
                (at(self_type.span()), paths.at(self_type.span()));
            quote_spanned!(span=> #arguments::default_handler::<#self_type>())
        }
    };
    let served = match server.handler("service") {
        Some(service) => {
            let name = &service.name;
            let values = handlers::values(paths, SERVICE_SOURCE, &service.arguments);
            let made = {
                let Paths { arguments, .. } = paths.at(service.output);
                quote_spanned!(at(service.output)=> #arguments::service(output))
            };
            quote! {
                let future = {
                    let mut event = #arguments::lifecycle::Service { worker: &worker };
                    let _ = &mut event;
                    <#self_type>::#name(&handler, #(#values),*)
                };
                let output = future.await;
                let service = #made;
                #ok::<_, #error>(#private::http::WithService::new(handler, service))
            }
        }
        None => quote!(#ok::<_, #error>(handler)),
    };
    let body = quote! {
        let _ = &worker;
        let handler: #self_type = #handler;
        #served
    };
    // an error about the future is an error about the user's constructor
    let constructors = [server.handler("worker_start"), server.handler("service")];
    let place = constructors.into_iter().flatten().next();
    let place = place.map_or_else(Span::call_site, |handler| handler.name.span());
    let sent = {
        let Paths { arguments, .. } = paths.at(place);
        quote_spanned!(at(place)=> #arguments::sent(async move { #body }))
    };
    quote!(#private::Server::#constructor(|worker: #private::Worker| #sent))
}

fn worker_start(paths: &Paths, server: &Server, handler: &Handler) -> TokenStream {
    let Paths { arguments, .. } = paths;
    let (self_type, name) = (&server.self_type, &handler.name);
    let values = handlers::values(paths, WORKER_START_SOURCE, &handler.arguments);
    let constructed = {
        let Paths { arguments, .. } = paths.at(handler.output);
        quote_spanned!(at(handler.output)=> #arguments::constructed::<#self_type, _>(output)?)
    };
    quote! {{
        let future = {
            let mut event = #arguments::lifecycle::WorkerStart { worker: &worker };
            let _ = &mut event;
            <#self_type>::#name(#(#values),*)
        };
        let output = future.await;
        #constructed
    }}
}

/// A second `#[server]` on the same type defines this constant twice, and its name is the error.
fn once(server: &Server) -> TokenStream {
    let self_type = &server.self_type;
    let span = at(self_type.span());
    let name = Ident::new("THIS_TYPE_ALREADY_HAS_A_SERVER_ATTRIBUTE", span);
    quote_spanned! {span=>
        impl #self_type {
            #[doc(hidden)]
            #[allow(dead_code)]
            const #name: () = ();
        }
    }
}
