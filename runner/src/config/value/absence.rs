//! Values with a word for their absence: `off`, `unlimited`, or nothing at all.

use super::{Context, OptionValue, Raw, toml_string};
use crate::spec::Limit;
use std::marker::PhantomData;

/// An upper limit, which there is none of without the option.
///
/// Elsewhere a zero means that, or it means zero: here it is an error that says how to write it.
pub(crate) struct Cap<V>(PhantomData<V>);

impl<V> OptionValue for Cap<V>
where
    V: OptionValue<Declared: Default + PartialEq>,
{
    type Declared = V::Declared;
    type Value = V::Value;

    fn parse(raw: &Raw) -> Result<V::Declared, String> {
        V::parse(raw)
    }

    fn validate(declared: V::Declared, context: &Context) -> Result<V::Value, String> {
        let is_zero = declared == V::Declared::default();
        V::validate(declared, context).map_err(|message| {
            if is_zero { format!("{message}; leave the option out for no limit") } else { message }
        })
    }

    fn render(value: &V::Value) -> String {
        V::render(value)
    }
}

/// A value, or `off`.
pub(crate) struct Switchable<V>(PhantomData<V>);

impl<V: OptionValue> Switchable<V> {
    const OFF: &'static str = "off";

    fn or_off(message: &str) -> String {
        format!("{message}; \"{}\" switches it off", Self::OFF)
    }
}

impl<V: OptionValue> OptionValue for Switchable<V> {
    type Declared = Option<V::Declared>;
    type Value = Option<V::Value>;

    fn parse(raw: &Raw) -> Result<Self::Declared, String> {
        match raw {
            Raw::Text(text) | Raw::String(text) if text == Self::OFF => Ok(None),
            _ => V::parse(raw).map(Some).map_err(|message| Self::or_off(&message)),
        }
    }

    fn validate(declared: Self::Declared, context: &Context) -> Result<Self::Value, String> {
        let value = declared.map(|declared| V::validate(declared, context)).transpose();
        value.map_err(|message| Self::or_off(&message))
    }

    fn render(value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| toml_string(Self::OFF), V::render)
    }
}

/// The limit of a resource: a value, or `unlimited`.
pub(crate) struct ResourceLimit<V>(PhantomData<V>);

impl<V: OptionValue> ResourceLimit<V> {
    const UNLIMITED: &'static str = "unlimited";

    fn or_unlimited(message: &str) -> String {
        format!("{message}; \"{}\" is possible too", Self::UNLIMITED)
    }
}

impl<V: OptionValue<Declared = u64, Value = u64>> OptionValue for ResourceLimit<V> {
    type Declared = Limit;
    type Value = Limit;

    fn parse(raw: &Raw) -> Result<Limit, String> {
        match raw {
            Raw::Text(text) | Raw::String(text) if text == Self::UNLIMITED => Ok(Limit::Unlimited),
            _ => V::parse(raw).map(Limit::At).map_err(|message| Self::or_unlimited(&message)),
        }
    }

    fn validate(limit: Limit, context: &Context) -> Result<Limit, String> {
        match limit {
            Limit::Unlimited => Ok(limit),
            Limit::At(value) => V::validate(value, context)
                .map(Limit::At)
                .map_err(|message| Self::or_unlimited(&message)),
        }
    }

    fn render(limit: &Limit) -> String {
        match limit {
            Limit::Unlimited => toml_string(Self::UNLIMITED),
            Limit::At(value) => V::render(value),
        }
    }
}
