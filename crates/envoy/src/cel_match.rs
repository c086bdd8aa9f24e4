//! Two messages that Envoy knows and `envoy-types` 0.7 does not generate: CEL in xDS matchers.
//! Written after `xds/type/matcher/v3/{cel,http_inputs}.proto`.

use prost::Name;
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

use crate::xds_type::CelExpression;

const PACKAGE: &str = "xds.type.matcher.v3";

/// `xds.type.matcher.v3.HttpAttributesCelMatchInput`: gives a CEL matcher the attributes of the
/// request, its answer and its upstream.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct HttpAttributesCelMatchInput {}

/// `xds.type.matcher.v3.CelMatcher`: matches where the expression is true.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CelMatcher {
    /// The expression.
    #[prost(message, optional, tag = "1")]
    pub expr_match: Option<CelExpression>,
    /// For people.
    #[prost(string, tag = "2")]
    pub description: String,
}

/// The descriptors of both, for protobuf JSON.
pub(crate) fn descriptors() -> FileDescriptorProto {
    let field = |name: &str, number, kind: Type| FieldDescriptorProto {
        name: Some(name.to_string()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..FieldDescriptorProto::default()
    };
    let matcher = DescriptorProto {
        name: Some(CelMatcher::NAME.to_string()),
        field: vec![
            FieldDescriptorProto {
                type_name: Some(format!(".{}", CelExpression::full_name())),
                ..field("expr_match", 1, Type::Message)
            },
            field("description", 2, Type::String),
        ],
        ..DescriptorProto::default()
    };
    let input = DescriptorProto {
        name: Some(HttpAttributesCelMatchInput::NAME.to_string()),
        ..DescriptorProto::default()
    };
    FileDescriptorProto {
        name: Some("xds/type/matcher/v3/cel.proto".to_string()),
        package: Some(PACKAGE.to_string()),
        dependency: vec!["xds/type/v3/cel.proto".to_string()],
        message_type: vec![matcher, input],
        syntax: Some("proto3".to_string()),
        ..FileDescriptorProto::default()
    }
}

// === impl Name ===

impl Name for HttpAttributesCelMatchInput {
    const NAME: &'static str = "HttpAttributesCelMatchInput";
    const PACKAGE: &'static str = PACKAGE;

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

impl Name for CelMatcher {
    const NAME: &'static str = "CelMatcher";
    const PACKAGE: &'static str = PACKAGE;

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_json;

    #[test]
    fn a_cel_matcher_has_a_json_form() {
        let matcher = CelMatcher {
            expr_match: Some(CelExpression::default()),
            description: "d".to_string(),
        };
        let json = to_json(&matcher).unwrap();
        assert_eq!(json["description"], "d");
        assert_eq!(
            CelMatcher::type_url(),
            "type.googleapis.com/xds.type.matcher.v3.CelMatcher"
        );
    }
}
