use super::{Service, Settings};
use crate::aws::files::Files;

fn settings(lines: &str, variables: &[(&str, &str)]) -> Settings {
    let text = format!("[default]\n{lines}\n[services s]\nsts =\n  endpoint_url = http://of-service\n");
    let files = Files::read(&text, "").expect("read");
    let variable = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
    Settings::of(files.profile("default").as_ref(), &variable)
}

#[test]
fn endpoints_are_found_in_the_order_of_botocore() {
    let all = "services = s\nendpoint_url = http://of-profile";
    let (one, every) = (("AWS_ENDPOINT_URL_STS", "http://of-one"), ("AWS_ENDPOINT_URL", "http://of-all"));
    let off = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    for (lines, variables, sts, sso) in [
        ("", &[][..], None, None),
        ("endpoint_url = http://of-profile", &[], Some("http://of-profile"), Some("http://of-profile")),
        (all, &[], Some("http://of-service"), Some("http://of-profile")),
        (all, &[every], Some("http://of-all"), Some("http://of-all")),
        (all, &[every, one], Some("http://of-one"), Some("http://of-all")),
        (all, &[one, off], None, None),
        ("ignore_configured_endpoint_urls = True\nendpoint_url = http://a", &[one], None, None),
        (
            "ignore_configured_endpoint_urls = yes\nendpoint_url = http://a",
            &[],
            Some("http://a"),
            Some("http://a"),
        ),
    ] {
        let settings = settings(lines, variables);
        let of = |service| settings.endpoints[service as usize].as_ref().expect("a place").as_deref();
        assert_eq!((of(Service::Sts), of(Service::Sso)), (sts, sso), "{lines} {variables:?}");
    }
    for lines in
        ["services = t", "endpoint_url = sts.example", "endpoint_url =\n  a = b", "endpoint_url = ftp://a"]
    {
        assert!(settings(lines, &[]).endpoints[0].is_err(), "{lines}");
    }
}

#[test]
fn switches_are_those_of_environment_and_profile() {
    let both = |settings: &Settings| (settings.fips, settings.dual_stack);
    assert_eq!(both(&settings("use_fips_endpoint = true\nuse_dualstack_endpoint = TRUE", &[])), (true, true));
    let off = [("AWS_USE_FIPS_ENDPOINT", "false"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
    assert_eq!(both(&settings("use_fips_endpoint = true", &off)), (false, true));
    assert_eq!(both(&settings("use_fips_endpoint = 1", &[])), (false, false));
}

#[test]
fn regions_and_metadata() {
    for (lines, variables, region) in [
        ("", &[][..], Ok(None)),
        ("region = eu-west-1", &[], Ok(Some("eu-west-1"))),
        ("region = eu-west-1", &[("AWS_DEFAULT_REGION", "eu-west-2")], Ok(Some("eu-west-2"))),
        ("", &[("AWS_DEFAULT_REGION", "b"), ("AWS_REGION", "a")], Ok(Some("a"))),
        ("region =", &[], Ok(None)),
        ("region = evil.example/", &[], Err(())),
    ] {
        let got = settings(lines, variables).region;
        assert_eq!(got.as_ref().map(Option::as_deref).map_err(|_| ()), region, "{lines}");
    }
    for (lines, place) in [
        ("", Ok(None)),
        ("ec2_metadata_service_endpoint_mode = IPv6", Ok(Some("http://[fd00:ec2::254]"))),
        ("ec2_metadata_service_endpoint_mode = ipv5", Err(())),
        (
            "ec2_metadata_service_endpoint = http://a/\nec2_metadata_service_endpoint_mode = ipv6",
            Ok(Some("http://a/")),
        ),
    ] {
        let got = settings(lines, &[]).metadata;
        assert_eq!(got.as_ref().map(Option::as_deref).map_err(|_| ()), place, "{lines}");
    }
}
