//! Mapping templates, on text.

use serde_json::{Value, json};
use stepwell_gateway::vtl::{Failure, Rendered, Template, World};

const BODY: &str = r#"{"name": "O'Brien/\"x\"", "n": 7, "ok": true, "none": null, "tags": ["a", "b"],
    "items": [{"id": 1, "q": 2.5}, {"id": 2, "q": 1}], "o": {"k": "v", "e": []}, "übel": "ß€"}"#;

fn rendered(template: &str, body: &str) -> Result<Rendered, Failure> {
    let params = json!({
        "path": {"id": "p1"},
        "querystring": {"id": "q1", "page": "2"},
        "header": {"Content-Type": "application/json", "X-Id": "h1"},
    });
    let context =
        json!({"requestId": "r-1", "identity": {"sourceIp": "10.0.0.1"}, "stage": "prod"});
    let variables = json!({"table": "t-1"});
    let template = Template::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    template.evaluate(&World::new(body, &params, &context, &variables))
}

#[track_caller]
fn check(template: &str, expected: &str) {
    let rendered = rendered(template, BODY).unwrap_or_else(|error| panic!("{template}: {error:?}"));
    assert_eq!(rendered.text, expected, "{template}");
}

#[test]
fn input_is_read_as_text_as_json_and_by_parameter() {
    for (template, expected) in [
        ("$input.body", BODY),
        ("$input.json('$.tags')", r#"["a","b"]"#),
        ("$input.json('$.name')", r#""O'Brien/\"x\"""#),
        ("$input.json('$.missing')", "\"\""),
        ("$input.path('$.name')", "O'Brien/\"x\""),
        ("$input.path('$.missing')", ""),
        ("$input.path('$.none')", ""),
        ("$input.path('$').items[1].id", "2"),
        ("$input.path('$.items[*].id')", "[1, 2]"),
        ("$input.path('$.o')", "{k=v, e=[]}"),
        ("$input.params('id')", "p1"),
        ("$input.params('page')", "2"),
        ("$input.params('content-type')", "application/json"),
        ("[$input.params('none')]", "[]"),
        ("$input.params().querystring.get('page')", "2"),
        ("$input.params().header['X-Id']", "h1"),
        ("$context.identity.sourceIp $context.none", "10.0.0.1 "),
        ("${stageVariables.table}!", "t-1!"),
    ] {
        check(template, expected);
    }
    let empty = rendered("$input.json('$')", " ").map(|rendered| rendered.text);
    assert_eq!(empty.as_deref(), Ok("{}"));
    let broken = rendered("$input.json('$.a')", "no json");
    assert!(matches!(broken, Err(Failure::Body(_))), "{broken:?}");
}

#[test]
fn text_that_only_looks_like_a_reference_stays() {
    for text in [
        "$5 and $ and $$",
        "{\"$schema\": \"x\"}",
        "a # b #2 #foo C# \\n \\\\",
        "$unknown.name and ${unknown}",
        "$",
        "#",
    ] {
        check(text, text);
    }
    check("$!unknown|", "|");
    check(r"\$input.body \#if(", "$input.body #if(");
    check("a## comment\nb#* other\n *#c", "abc");
}

#[test]
fn util_escapes_and_decodes() {
    for (template, expected) in [
        (
            "$util.escapeJavaScript($input.path('$.name'))",
            r#"O\'Brien\/\"x\""#,
        ),
        (
            r#"$util.escapeJavaScript($input.path('$.name')).replaceAll("\\'","'")"#,
            r#"O'Brien\/\"x\""#,
        ),
        (
            "$util.escapeJavaScript($input.path(\"$['übel']\"))",
            r"\u00DF\u20AC",
        ),
        ("$util.base64Encode('a?b')", "YT9i"),
        ("$util.base64Decode('YT9i')", "a?b"),
        ("$util.urlEncode('a b&c')", "a+b%26c"),
        ("$util.urlDecode('a+b%26c')", "a b&c"),
        (r#"$util.parseJson('{"a": [1, {"b": "c"}]}').a[1].b"#, "c"),
    ] {
        check(template, expected);
    }
}

#[test]
fn values_are_set_tested_and_walked() {
    for (template, expected) in [
        ("#set($x = 2)#set($x = $x * 3 + 1)$x", "7"),
        ("#set($x = 'a')\n#set( $y = \"$x-${x}b\" )\n$y", "$x-ab"),
        ("#if($input.path('$.ok'))yes#{else}no#end", "yes"),
        (
            "#if($input.path('$.none'))a#elseif($input.path('$.n') >= 7)b#else c#end",
            "b",
        ),
        (
            "#foreach($t in $input.path('$.tags'))\"$t\"#if($foreach.hasNext),#end#end",
            "\"a\",\"b\"",
        ),
        ("#foreach($n in [1..3])$n$foreach.index #end", "10 21 32 "),
        (
            "#foreach($k in $input.params().querystring.keySet())$k;#end",
            "id;page;",
        ),
        (
            "#foreach($e in $input.path('$.o').entrySet())$e.key=$e.value;#end",
            "k=v;e=[];",
        ),
        (
            "#set($l = [])#foreach($i in $input.path('$.items'))#set($_ = $l.add($i.id))#end$l.size()",
            "2",
        ),
        (
            "#set($m = {'a': 1})#set($_ = $m.put('b', 2))#set($m.c = 3)$m",
            "{a=1, b=2, c=3}",
        ),
        ("#if('a' == 'a' && !(1 > 2) || $none)t#end", "t"),
        ("#if(!$input.path('$.o').e.empty)t#{else}f#end", "f"),
        (
            "#set($s = 'abc')$s.length() $s.substring(1,3) $s.contains('b')",
            "3 bc true",
        ),
        ("#set($s = 'a@@b')$s.replaceAll('@@', '\"')", "a\"b"),
        ("#set($x = 5 / 0)[$!x]", "[]"),
        ("#set($x = 7 % 4 - 1)$x", "2"),
    ] {
        check(template, expected);
    }
}

#[test]
fn the_input_of_an_execution_is_put_together() {
    let template = r#"#set($input2 = "@@body@@: $input.body")
#set($names = $input.params().header)
#set($input2 = "$input2, @@header@@: {")
#foreach($name in $names.keySet())
#set($input2 = "$input2@@$name@@: @@$util.escapeJavaScript($names.get($name))@@")
#if($foreach.hasNext)
#set($input2 = "$input2,")
#end
#end
#set($input2 = $input2.replaceAll("@@", '"'))
{"stateMachineArn": "arn", "input": "{$util.escapeJavaScript($input2)}}"}"#;
    let text = rendered(template, r#"{"a": "b"}"#).expect("a text").text;
    let request: Value = serde_json::from_str(&text).expect(&text);
    let input: Value =
        serde_json::from_str(request["input"].as_str().expect("a text")).expect("JSON");
    assert_eq!(
        input,
        json!({"body": {"a": "b"}, "header": {"Content-Type": "application/json", "X-Id": "h1"}})
    );
}

#[test]
fn a_response_may_be_overridden() {
    let template = "#set($context.responseOverride.status = 418)#set($context.responseOverride.header.X-A = 'b')x";
    let rendered = rendered(template, "").expect("a text");
    assert_eq!(rendered.status, Some(418));
    assert_eq!(rendered.headers, [("X-A".to_owned(), "b".to_owned())]);
    assert_eq!(rendered.text, "x");
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (template, says) in [
        ("#include('x')", "#include"),
        ("#macro(a)#end", "#macro"),
        ("#stop", "#stop"),
        ("a\n#parse('x')", "line 2"),
        ("$input.raw", "$input.raw"),
        ("$input", "$input alone"),
        ("$util.time.nowISO8601()", "$util.time"),
        ("$util.qr($x)", "$util.qr"),
        ("#set($x = 1)$x.getClass()", "getClass"),
        ("$input.json('$..a')", "'..'"),
        ("$input.path(\"$.a[?(@.b)]\")", "not built"),
        (
            "#set($context.requestOverride.path.a = 1)",
            "requestOverride",
        ),
        ("#set($a.b.c = 1)", "$a.b.c"),
        ("#if(1)", "no #end"),
        ("#end", "#end"),
        ("#foreach($a of $b)#end", "'in'"),
        ("#set($a = )", "expected a value"),
        ("#set($a = 'x)", "no end"),
        ("${input.body", "'}'"),
        ("$input.body.replaceAll('(', '')", "pattern"),
    ] {
        let error = Template::parse(template).expect_err(template);
        assert!(error.contains(says), "{template}: {error}");
    }
}

#[test]
fn every_bound_ends_a_template() {
    let doubling = "#set($a = 'x')#foreach($i in [1..40])#set($a = \"$a$a\")#end$a";
    let nested =
        "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])x#end#end#end";
    let deep = "#set($l = [])#foreach($i in [1..1000])#set($l = [$l])#end$l";
    let wide = "#set($l = [1])#foreach($i in [1..60])#set($l = [$l, $l])#end$l";
    let into_itself = "#set($l = [1])#foreach($i in [1..1000])#set($_ = $l.add($l))#end$l";
    for template in [
        doubling,
        nested,
        deep,
        wide,
        into_itself,
        "$x#foreach($i in [1..1001])#end",
    ] {
        let ended = rendered(template, "");
        assert!(
            matches!(ended, Err(Failure::Bound(_))),
            "{template}: {ended:?}"
        );
    }
    for template in [
        "#if(1)".repeat(5_000),
        format!("#set($a = {}1{})", "(".repeat(5_000), ")".repeat(5_000)),
        format!("#set($a = {}1)", "!".repeat(5_000)),
        format!("#set($a = 1{})", " + 1".repeat(5_000)),
        format!("$a{}", ".b".repeat(5_000)),
        format!("$a{}", "[$a".repeat(5_000)),
        format!("#set($a = {})", "\"$a[".repeat(5_000)),
        "x".repeat(300 * 1024 + 1),
    ] {
        assert!(Template::parse(&template).is_err());
    }
}

#[test]
fn no_cut_of_a_template_panics() {
    let template = "#set($a = {'k': [1..3, \"x$b\", -2.5]})#if($a.k[0] == 1 && !$b)${a.k}#elseif($input.json('$.ü') != \"\")$!{c}#else #foreach($i in $input.path('$.tags'))$i.toString()#end#end## end\n#* c *#\\$x";
    for (at, _) in template.char_indices() {
        for cut in [&template[..at], &template[at..]] {
            if let Ok(parsed) = Template::parse(cut) {
                let empty = json!({});
                let _ = parsed.evaluate(&World::new(BODY, &empty, &empty, &empty));
            }
        }
    }
}
