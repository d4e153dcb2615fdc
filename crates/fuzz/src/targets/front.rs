//! The HTTP front: OpenAPI documents, mapping templates, and requests to what was read of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell_gateway::vtl::{Template, World};
use stepwell_gateway::{Api, Call, HttpRequest, Outcome, Plan, Protocol, Signer, parse_document};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "front",
    generate,
    read,
};

/// Directives inside each other that are written on purpose; the language allows forty.
const NESTING_MAX: usize = 44;

const BODY: &str =
    r#"{"a": {"b": [1, 2.5, {"c": "d'\"/"}]}, "items": [{"id": 1}, {"id": "2"}], "t": "text"}"#;

const PIECES: [&str; 40] = [
    "$input.body",
    "$input.json('$')",
    "$input.json('$.a.b[*]')",
    "$input.path('$.items')",
    "$input.params('id')",
    "$input.params().header",
    "$util.escapeJavaScript(",
    "$util.parseJson(",
    "$util.base64Decode('",
    "$context.identity.sourceIp",
    "$stageVariables.x",
    "#set($x = ",
    "#set($x = \"$x$x\")",
    "#set($x = [$x, $x])",
    "#set($_ = $x.add($x))",
    "#set($x.k = $x)",
    "#set($context.responseOverride.status = ",
    "#if($x)",
    "#elseif(!$x == 1)",
    "#else",
    "#{else}",
    "#end",
    "#foreach($i in $x)",
    "#foreach($i in [1..1000])",
    "$foreach.hasNext",
    ".replaceAll('(a+)+', '$1')",
    ".substring(1, 2)",
    ".split(',')",
    ".keySet()",
    "${",
    "$!{x}",
    "}",
    ")",
    "\\$",
    "## c\n",
    "#* c *#",
    "x-amazon-apigateway-integration: {type: mock}",
    "  /{proxy+}:\n",
    "&a [*a, *a]",
    "${request.body.a[0]}",
];

fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let text = if draw.once_in(2) {
        corpus.text(draw).to_owned()
    } else {
        let mut text = String::new();
        for _ in 0..draw.below(NESTING_MAX) {
            text += draw.one_of(&PIECES);
        }
        text
    };
    draw.mutated(&text, &PIECES, corpus).into_bytes()
}

fn read(input: &[u8]) {
    template(&String::from_utf8_lossy(input));
    let Ok(document) = parse_document(input) else {
        return;
    };
    for protocol in [Protocol::Rest, Protocol::Http] {
        if let Ok(api) = Api::parse(protocol, &document) {
            drop(api.routes(&document));
            requests(&api);
        }
    }
}

fn template(text: &str) {
    let Ok(template) = Template::parse(text) else {
        return;
    };
    let params = json!({"path": {"id": "p"}, "querystring": {}, "header": {"X-A": "é"}});
    let context = json!({"identity": {"sourceIp": "127.0.0.1"}});
    let variables = json!({"x": "y"});
    drop(template.evaluate(&World::new(BODY, &params, &context, &variables)));
}

fn requests(api: &Api) {
    for (method, path) in [
        ("GET", "/"),
        ("POST", "/orders/a%2fb"),
        ("OPTIONS", "/start"),
    ] {
        let request = HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: "a=1&a=%zz".to_owned(),
            headers: vec![("origin".to_owned(), "http://a".to_owned())],
            body: BODY.as_bytes().to_vec(),
            source_ip: "127.0.0.1".to_owned(),
        };
        let call = Call {
            api_id: "a".to_owned(),
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            domain_name: "a.execute-api.localhost".to_owned(),
            stage: "prod".to_owned(),
            full_path: path.to_owned(),
            stage_variables: BTreeMap::new(),
            deployment_id: String::new(),
            request_id: "r".to_owned(),
            now_ms: 0,
            signer: Signer::Anybody,
        };
        let Plan::Invoke(backend) = api.plan(&call, &request) else {
            continue;
        };
        let reply: Value = json!({"statusCode": 200, "output": BODY, "body": BODY});
        for failed in [false, true] {
            let payload = reply.to_string().into_bytes();
            let outcome = Outcome::Function { payload, failed };
            api.finish(backend.route, &call, &request, outcome);
        }
        let body = reply.to_string().into_bytes();
        let outcome = Outcome::Service { status: 200, body };
        api.finish(backend.route, &call, &request, outcome);
    }
}
