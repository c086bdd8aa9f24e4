//! Selectors of a rate limit rule, as criteria of the IR.

use std::net::IpAddr;

use tollgate_crds::envoy_gateway::backend_traffic_policy::{
    HeaderSelector, HeaderSelectorType, MethodSelector, PathSelector, PathSelectorType,
    QuerySelector, Selector, SourceSelector, SourceSelectorType,
};
use tollgate_ir::{Cidr, Criterion, FieldTest, PathMatch, Polarity, TextMatch};

use super::build::invalid;
use crate::http_route::check_regex;
use crate::status::Problem;

/// Conditions of one rule: with its name, as many entries as the rate limit service reads of one
/// descriptor.
const CRITERIA_MAX: usize = 63;

/// All conditions of a rule, in the order in which they are written.
///
/// # Errors
/// With the field and the rule that it breaks.
pub(super) fn criteria(selectors: &[Selector], rule: &str) -> Result<Vec<Criterion>, Problem> {
    let mut criteria = Vec::new();
    for (index, selector) in selectors.iter().enumerate() {
        let Selector {
            headers,
            methods,
            path,
            source_cidr,
            query_params,
        } = selector;
        let field = format!("{rule}.clientSelectors[{index}]");
        let before = criteria.len();
        for (index, header) in headers.iter().enumerate() {
            criteria.push(header_criterion(
                header,
                &format!("{field}.headers[{index}]"),
            )?);
        }
        criteria.extend(method_criterion(methods));
        if let Some(path) = path {
            criteria.push(path_criterion(path, &format!("{field}.path"))?);
        }
        if let Some(source) = source_cidr {
            source_criteria(source, &format!("{field}.sourceCIDR"), &mut criteria)?;
        }
        for (index, param) in query_params.iter().enumerate() {
            let field = format!("{field}.queryParams[{index}]");
            criteria.push(query_criterion(param, &field)?);
        }
        if criteria.len() == before && methods.is_empty() {
            return Err(invalid(format!("{field}: there is no condition")));
        }
    }
    if criteria.len() > CRITERIA_MAX {
        return Err(invalid(format!(
            "{rule}.clientSelectors: {} conditions are more than {CRITERIA_MAX}",
            criteria.len()
        )));
    }
    Ok(criteria)
}

/// A condition on one header.
///
/// # Errors
/// With the field and the rule that it breaks.
pub(crate) fn header_criterion(header: &HeaderSelector, field: &str) -> Result<Criterion, Problem> {
    let HeaderSelector {
        type_,
        name,
        value,
        invert,
    } = header;
    let name = name.to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !name.chars().all(is_token) {
        return Err(invalid(format!(
            "{field}.name: {name:?} is not a header name"
        )));
    }
    let test = field_test(*type_, value.as_deref(), (*invert, field))?;
    Ok(Criterion::Header { name, test })
}

fn query_criterion(param: &QuerySelector, field: &str) -> Result<Criterion, Problem> {
    let QuerySelector {
        type_,
        name,
        value,
        invert,
    } = param;
    let test = field_test(*type_, value.as_deref(), (*invert, field))?;
    Ok(Criterion::Query {
        name: name.clone(),
        test,
    })
}

fn field_test(
    type_: HeaderSelectorType,
    value: Option<&str>,
    (invert, field): (Option<bool>, &str),
) -> Result<FieldTest, Problem> {
    let polarity = polarity(invert);
    match (type_, value) {
        (HeaderSelectorType::Exact, None) => Ok(FieldTest::Present(polarity)),
        (HeaderSelectorType::Exact, Some(value)) => Ok(FieldTest::Value(
            polarity,
            TextMatch::Exact(value.to_string()),
        )),
        (HeaderSelectorType::RegularExpression, None) => Err(invalid(format!(
            "{field}.value: type RegularExpression needs a value"
        ))),
        (HeaderSelectorType::RegularExpression, Some(value)) => {
            check_regex(value, &format!("{field}.value")).map_err(|it| invalid(it.message))?;
            Ok(FieldTest::Value(
                polarity,
                TextMatch::Regex(value.to_string()),
            ))
        }
        (HeaderSelectorType::Distinct, Some(value)) => Err(invalid(format!(
            "{field}.value: {value:?} cannot stand beside type Distinct, which means every value"
        ))),
        (HeaderSelectorType::Distinct, None) if polarity == Polarity::Not => Err(invalid(format!(
            "{field}.invert: type Distinct cannot be inverted; type Exact without a value means that it is absent"
        ))),
        (HeaderSelectorType::Distinct, None) => Ok(FieldTest::Each),
    }
}

/// Any of the methods; `None` where that is every method. "Not A" or "not B" is every method.
fn method_criterion(methods: &[MethodSelector]) -> Option<Criterion> {
    let names = |polarity_wanted| {
        let mut names: Vec<String> = methods
            .iter()
            .filter(|it| polarity(it.invert) == polarity_wanted)
            .map(|it| it.value.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let (is, not) = (names(Polarity::Is), names(Polarity::Not));
    match not.as_slice() {
        [] if is.is_empty() => None,
        [] => Some(Criterion::Method(Polarity::Is, is)),
        [one] if !is.contains(one) => Some(Criterion::Method(Polarity::Not, not)),
        _ => None,
    }
}

fn path_criterion(path: &PathSelector, field: &str) -> Result<Criterion, Problem> {
    let PathSelector {
        type_,
        value,
        invert,
    } = path;
    if *type_ != PathSelectorType::RegularExpression && !value.starts_with('/') {
        return Err(invalid(format!(
            "{field}.value: {value:?} must begin with a slash"
        )));
    }
    let matches = match type_ {
        PathSelectorType::Exact => PathMatch::Exact(value.clone()),
        PathSelectorType::PathPrefix => {
            let prefix = value.trim_end_matches('/');
            let prefix = if prefix.is_empty() { "/" } else { prefix };
            PathMatch::Prefix(prefix.to_string())
        }
        PathSelectorType::RegularExpression => {
            check_regex(value, &format!("{field}.value")).map_err(|it| invalid(it.message))?;
            PathMatch::Regex(value.clone())
        }
    };
    Ok(Criterion::Path(polarity(*invert), matches))
}

fn source_criteria(
    source: &SourceSelector,
    field: &str,
    criteria: &mut Vec<Criterion>,
) -> Result<(), Problem> {
    let SourceSelector {
        type_,
        value,
        invert,
    } = source;
    let Some(range) = parse_cidr(value) else {
        return Err(invalid(format!(
            "{field}.value: {value:?} is not an address range (192.168.0.0/24, 2001:db8::/64)"
        )));
    };
    criteria.push(Criterion::Source(polarity(*invert), range));
    if *type_ == SourceSelectorType::Distinct {
        criteria.push(Criterion::EachSource);
    }
    Ok(())
}

/// `address/bits`; an address alone is a range of one.
fn parse_cidr(text: &str) -> Option<Cidr> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    let prefix_bits = match bits {
        Some(bits) => bits.parse().ok()?,
        None => bits_max,
    };
    (prefix_bits <= bits_max).then_some(Cidr {
        address,
        prefix_bits,
    })
}

fn polarity(invert: Option<bool>) -> Polarity {
    match invert {
        Some(true) => Polarity::Not,
        Some(false) | None => Polarity::Is,
    }
}

#[cfg(test)]
mod tests {
    use tollgate_ir::{Criterion, Polarity};

    use super::{MethodSelector, method_criterion, parse_cidr};

    fn method(value: &str, invert: bool) -> MethodSelector {
        MethodSelector {
            value: value.to_string(),
            invert: Some(invert),
        }
    }

    #[test]
    fn any_of_several_methods_is_one_condition() {
        let is = |names: &[&str]| {
            let names = names.iter().map(ToString::to_string).collect();
            Some(Criterion::Method(Polarity::Is, names))
        };
        let not = |name: &str| Some(Criterion::Method(Polarity::Not, vec![name.to_string()]));
        for (methods, expect) in [
            (vec![], None),
            (
                vec![method("PUT", false), method("GET", false)],
                is(&["GET", "PUT"]),
            ),
            (vec![method("GET", true)], not("GET")),
            (vec![method("GET", true), method("PUT", false)], not("GET")),
            (vec![method("GET", true), method("GET", false)], None),
            (vec![method("GET", true), method("PUT", true)], None),
        ] {
            assert_eq!(method_criterion(&methods), expect, "{methods:?}");
        }
    }

    #[test]
    fn address_ranges_are_read_and_what_is_none_is_refused() {
        for (text, bits) in [
            ("10.0.0.0/8", Some(8)),
            ("10.0.0.1", Some(32)),
            ("2001:db8::/64", Some(64)),
            ("::1", Some(128)),
            ("10.0.0.0/33", None),
            ("10.0.0/8", None),
            ("::/129", None),
            ("10.0.0.0/", None),
            ("", None),
        ] {
            let read = parse_cidr(text).map(|cidr| cidr.prefix_bits);
            assert_eq!(read, bits, "{text}");
        }
    }
}
