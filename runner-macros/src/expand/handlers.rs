//! The methods of handler traits: each takes the arguments of the user's method from the event, by their types.

use crate::events::{Kind, Method, Owner, Parameter, Returns, Role};
use crate::model::Handler;
use crate::paths::{Paths, at};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

/// The method of an event of a server, when `owner` is the trait that has it.
pub(super) fn method(
    paths: &Paths,
    self_type: &Type,
    kind: &Kind,
    owner: Owner,
    handler: &Handler,
) -> Option<TokenStream> {
    let Role::Method(method) = &handler.event.role else {
        return None;
    };
    (method.owner == owner).then(|| async_method(paths, self_type, kind, method, handler))
}

fn async_method(
    paths: &Paths,
    self_type: &Type,
    kind: &Kind,
    method: &Method,
    handler: &Handler,
) -> TokenStream {
    let Handler { name, cfgs, .. } = handler;
    let Paths { private, .. } = paths.at(name.span());
    let parameters = parameters(paths, Some(kind), method.parameters);
    let returned = match method.returns {
        Returns::Result => quote!(#private::Result),
        Returns::Response => quote!(#private::http::Response),
    };
    let source = source(paths, method, &handler.arguments);
    let values = values(paths, method.source, &handler.arguments);
    let finish = finish(paths, method.returns, handler.output);
    let body = quote! {
        let future = {
            let mut event = #source;
            let _ = &mut event;
            <#self_type>::#name(self, #(#values),*)
        };
        let output = future.await;
        #finish
    };
    // an error about the future is an error about this function: it must point at the user's
    quote_spanned! {at(name.span())=>
        #(#cfgs)*
        async fn #name(&self, #(#parameters),*) -> #returned {
            #body
        }
    }
}

/// A hook of the master.
pub(super) fn hook(paths: &Paths, self_type: &Type, handler: &Handler) -> Option<TokenStream> {
    let Paths { private, .. } = paths;
    let Handler { name, cfgs, .. } = handler;
    let finish = finish(paths, Returns::Result, handler.output);
    let (parameters, event, values) = match &handler.event.role {
        Role::Preload => (Vec::new(), TokenStream::new(), Vec::new()),
        Role::Method(method) => {
            let source = source(paths, method, &handler.arguments);
            let event = quote! {
                let mut event = #source;
                let _ = &mut event;
            };
            let values = values(paths, method.source, &handler.arguments);
            (parameters(paths, None, method.parameters), event, values)
        }
        _ => return None,
    };
    Some(quote! {
        #(#cfgs)*
        fn #name(&self, #(#parameters),*) -> #private::Result {
            #event
            let output = <#self_type>::#name(self, #(#values),*);
            #finish
        }
    })
}

/// `request`: what needs only the head of the request is extracted first, in any position;
/// then the body goes to those who read it.
pub(super) fn request(paths: &Paths, self_type: &Type, handler: &Handler) -> TokenStream {
    let Handler { name, cfgs, arguments: types, .. } = handler;
    let Paths { private, arguments, .. } = paths.at(name.span());
    let variables = variables(types);
    let extraction = |step: &str| -> Vec<TokenStream> {
        let pairs = variables.iter().zip(types);
        pairs.map(|(variable, argument)| extract(paths, step, variable, argument)).collect()
    };
    let (early, late) = (extraction("early"), extraction("late"));
    let finish = finish(paths, Returns::Response, handler.output);
    let body = quote! {
        let mut event = #arguments::http::Request::new(request, conn);
        let _ = &mut event;
        #(#early)*
        #(#late)*
        let output = <#self_type>::#name(self, #(#variables),*).await;
        #finish
    };
    quote_spanned! {at(name.span())=>
        #(#cfgs)*
        async fn #name(
            &self,
            request: #private::http::Request,
            conn: &#private::http::Conn,
        ) -> #private::http::Response {
            #body
        }
    }
}

/// One step of the extraction of one argument; a rejection is the response.
///
/// What names nothing outside of it spans just the argument's type, from its first token to its
/// last: then the compiler takes the errors of the two steps for one.
fn extract(paths: &Paths, step: &str, variable: &Ident, argument: &Type) -> TokenStream {
    let Paths { arguments, ok, err, .. } = paths;
    let mut tokens = quote!(#argument).into_iter().map(|token| token.span());
    let first = tokens.next().unwrap_or_else(Span::call_site);
    let last = tokens.last().unwrap_or(first);
    let early = (step == "late").then(|| quote!(#variable,));
    let (step, event) = (Ident::new(step, last), ident("event"));
    let open = quote_spanned!(first=> <);
    quote_spanned! {last=>
        let extracted =
            #open #argument as #arguments::http::FromRequest<'_, _>>::#step(#early &mut #event);
        let #variable = match extracted.await {
            #ok(value) => value,
            #err(rejection) => return rejection,
        };
    }
}

/// The value of each argument, taken from `event`.
pub(super) fn values(
    paths: &Paths,
    source: (&'static str, &'static str),
    types: &[Type],
) -> Vec<TokenStream> {
    let (module, from) = (format_ident!("{}", source.0), format_ident!("From{}", source.1));
    let value = |argument: &Type| {
        let (span, Paths { arguments, .. }) = (at(argument.span()), paths.at(argument.span()));
        quote_spanned!(span=> <#argument as #arguments::#module::#from<'_>>::take(&mut event))
    };
    types.iter().map(value).collect()
}

/// The event: a struct whose fields are the parameters of the method.
fn source(paths: &Paths, method: &Method, types: &[Type]) -> TokenStream {
    let Paths { arguments, .. } = paths;
    let (module, event) =
        (format_ident!("{}", method.source.0), format_ident!("{}", method.source.1));
    let from = format_ident!("From{event}");
    let fields = method.parameters.iter().map(|parameter| ident(parameter.name()));
    // data is moved into the last argument that takes it, and the event must know which one is last
    let takers = method.parameters.contains(&Parameter::Data).then(|| {
        let takes = types.iter().map(|argument| {
            let (span, Paths { arguments, .. }) = (at(argument.span()), paths.at(argument.span()));
            quote_spanned!(span=> <#argument as #arguments::#module::#from<'_>>::TAKES)
        });
        quote!(takers: 0 #(+ #takes)*)
    });
    quote!(#arguments::#module::#event { #(#fields,)* #takers })
}

/// Turns the `output` of the user's method into what the trait's returns.
fn finish(paths: &Paths, returns: Returns, span: Span) -> TokenStream {
    let Paths { arguments, .. } = paths.at(span);
    match returns {
        Returns::Result => quote_spanned!(at(span)=> #arguments::finished(output)),
        Returns::Response => quote_spanned!(at(span)=> #arguments::responded(output)),
    }
}

fn parameters(paths: &Paths, kind: Option<&Kind>, parameters: &[Parameter]) -> Vec<TokenStream> {
    let Paths { private, .. } = paths;
    let parameter = |parameter: &Parameter| {
        let name = ident(parameter.name());
        let of_kind = kind.map(|kind| format_ident!("{}", kind.name));
        match parameter {
            Parameter::Conn => quote!(#name: &#private::#of_kind::Conn),
            Parameter::Data => quote!(#name: #private::Bytes),
            Parameter::Error => quote!(#name: &#private::Error),
            Parameter::Worker => quote!(#name: &#private::Worker),
            Parameter::Master => quote!(#name: &#private::Master),
            Parameter::Exit => quote!(#name: &#private::WorkerExit),
        }
    };
    parameters.iter().map(parameter).collect()
}

fn variables(types: &[Type]) -> Vec<Ident> {
    (0..types.len()).map(|index| format_ident!("argument_{index}")).collect()
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

impl Parameter {
    fn name(self) -> &'static str {
        match self {
            Self::Conn => "conn",
            Self::Data => "data",
            Self::Error => "error",
            Self::Worker => "worker",
            Self::Master => "master",
            Self::Exit => "exit",
        }
    }
}
