//! A `#[master]`: its hooks and its registration.

use super::{handlers, import_main, item, settings};
use crate::model::Master;
use crate::paths::{Paths, at};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

pub(crate) fn master(tokens: &TokenStream, master: &Master) -> TokenStream {
    let paths = Paths::new(master.root.as_ref());
    let (item, main) = (item(tokens), import_main(&paths, &master.cfgs));
    let (hooks, registered) = (hooks(&paths, master), registered(&paths, master));
    let (distinct, include) = (distinct(&paths, master), include(master));
    let cfgs = &master.cfgs;
    quote! {
        #item
        #main
        #(#cfgs)*
        const _: () = {
            #include
            #hooks
            #registered
            #distinct
        };
    }
}

fn hooks(paths: &Paths, master: &Master) -> TokenStream {
    let Paths { private, .. } = paths;
    let self_type = &master.self_type;
    let methods = master.hooks.iter().filter_map(|hook| handlers::hook(paths, self_type, hook));
    quote! {
        #[automatically_derived]
        impl #private::Hooks for #self_type {
            #(#methods)*
        }
    }
}

fn registered(paths: &Paths, master: &Master) -> TokenStream {
    let Paths { private, some, none, .. } = paths;
    let self_type = &master.self_type;
    let calls = settings::calls(paths, &master.settings);
    let servers = match &master.servers {
        Some(types) => {
            let entries = types.iter().map(|listed| entry(paths, listed));
            quote!(#some(&[#(#entries),*]))
        }
        None => quote!(#none),
    };
    quote! {
        #[#private::linkme::distributed_slice(#private::MASTERS)]
        #[linkme(crate = #private::linkme)]
        static __REGISTERED: &#private::MasterEntry = &#private::MasterEntry {
            build: |program: #private::App| program.declared_here() #calls.hooks(#self_type),
            servers: #servers,
        };
    }
}

fn entry(paths: &Paths, listed: &Type) -> TokenStream {
    let Paths { private, .. } = paths.at(listed.span());
    quote_spanned!(at(listed.span())=> <#listed as #private::Registered>::ENTRY)
}

/// Two servers of the list must not bind one address; the error is at the second.
fn distinct(paths: &Paths, master: &Master) -> TokenStream {
    let Paths { private, .. } = paths;
    let types = master.servers.as_deref().unwrap_or_default();
    let pairs = types
        .iter()
        .enumerate()
        .flat_map(|(index, second)| types[..index].iter().map(move |first| (first, second)));
    let checks = pairs.map(|(first, second)| {
        let names = [first, second].map(|listed| quote!(#listed).to_string().replace(' ', ""));
        let message = format!("`{}` and `{}` bind the same address", names[0], names[1]);
        let distinct = quote! {
            #private::distinct(
                <#first as #private::Registered>::ADDRESSES,
                <#second as #private::Registered>::ADDRESSES,
            )
        };
        let Paths { assert, .. } = paths.at(second.span());
        quote_spanned!(at(second.span())=> const _: () = #assert(#distinct, #message);)
    });
    checks.collect()
}

/// Names the crates, which is what links them.
fn include(master: &Master) -> TokenStream {
    let crates = &master.include;
    quote!(#(extern crate #crates as _;)*)
}
