"""import_contenders: a file is taken whole or not at all, twice changes nothing, and holds no key."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from evals.catalog.services.contenders import freeze
from evals.models import Contender, Provider

pytestmark = pytest.mark.django_db

LOCAL = "http://127.0.0.1:11434/v1"
ROW = {"slug": "llama", "provider": "ollama", "base_url": LOCAL, "locality": "local", "model_name": "llama3.2:3b"}
YAML = """
# a comment
- slug: llama
  provider: ollama
  base_url: http://127.0.0.1:11434/v1
  locality: local
  model_name: "llama3.2:3b"
  settings: {temperature: 0.2}
  capabilities: [tools, json]
  usd_per_mtok_input: 0.1
  usd_per_mtok_output: 0.25
- slug: llama-cold
  provider: ollama
  model_name: "llama3.2:3b"
  settings: {temperature: 0}
"""


@pytest.fixture
def run(tmp_path: Path):
    def run(text: str | bytes, name: str = "c.yaml") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        out = StringIO()
        call_command("import_contenders", str(path), stdout=out)
        return out.getvalue()

    return run


def rows(*changes: dict[str, Any]) -> str:
    return json.dumps([ROW | change for change in changes])


def state() -> list[Any]:
    return [*Provider.objects.order_by("pk").values(), *Contender.objects.order_by("pk").values()]


def test_contenders_and_their_provider_are_made(run):
    assert "3 created" in run(YAML)
    provider = Provider.objects.get()
    assert (provider.slug, provider.base_url, provider.locality) == ("ollama", LOCAL, "local")
    llama = Contender.objects.get(slug="llama")
    assert (llama.settings, llama.capabilities) == ({"temperature": 0.2}, ["tools", "json"])
    assert (str(llama.usd_per_mtok_input), llama.context_tokens) == ("0.100000", None)
    assert Contender.objects.get(slug="llama-cold").usd_per_mtok_input is None


def test_the_same_file_twice_changes_nothing(run):
    run(YAML)
    before = state()
    assert "3 unchanged" in run(YAML)
    assert state() == before


def test_a_used_contender_becomes_a_new_revision_and_only_once(run):
    run(YAML)
    freeze(Contender.objects.get(slug="llama"))
    changed = YAML.replace("temperature: 0.2", "temperature: 0.5")
    told = run(changed)
    assert "contender llama@2: created, because llama is in use with other settings and stays unchanged" in told
    assert "1 revised" in told
    assert "3 unchanged" in run(changed)
    assert {c.slug: c.settings["temperature"] for c in Contender.objects.all()} == {
        "llama": 0.2,
        "llama@2": 0.5,
        "llama-cold": 0,
    }


def test_what_a_file_leaves_out_stays(run):
    run(YAML)
    assert "2 unchanged" in run(rows({}))
    assert Contender.objects.get(slug="llama").settings == {"temperature": 0.2}


def test_json_jsonl_and_csv_say_the_same(run):
    row = ROW | {"settings": {"temperature": 0.2}, "capabilities": ["tools"], "tier": 2, "usd_per_mtok_input": 0.5}
    run(json.dumps({"contenders": [row]}), "c.json")
    before = state()
    assert "2 unchanged" in run(json.dumps(row), "c.jsonl")
    csv = "slug,provider,base_url,locality,model_name,settings,capabilities,tier,usd_per_mtok_input,context_tokens\r\n"
    csv += f'llama,ollama,{LOCAL},local,llama3.2:3b,"{{""temperature"": 0.2}}",tools,2,0.50,\r\n'
    assert "2 unchanged" in run(b"\xef\xbb\xbf" + csv.encode(), "c.csv")
    assert state() == before


def test_our_presets_need_no_address(run):
    run(json.dumps([{"slug": "gpt", "provider": "openai", "model_name": "gpt-4.1-mini"}]), "c.json")
    provider = Provider.objects.get()
    assert (provider.base_url, provider.api_key_env) == ("https://api.openai.com/v1", "OPENAI_API_KEY")
    assert provider.kind == "openai"


def test_a_preset_brings_its_api_and_the_file_may_name_another(run):
    gemini = {"slug": "gemini-flash", "provider": "gemini", "model_name": "gemini-2.5-flash"}
    compatible = {
        "slug": "llama",
        "provider": "ollama",
        "model_name": "llama3.2:3b",
        "kind": "openai",
        "base_url": LOCAL,
    }
    text = json.dumps([gemini, compatible])
    run(text, "c.json")
    assert dict(Provider.objects.values_list("slug", "kind")) == {"gemini": "gemini", "ollama": "openai"}
    before = state()
    assert "4 unchanged" in run(text, "c.json")
    assert state() == before


def test_a_preset_whose_address_is_to_be_filled_in_needs_one(run):
    row = {"slug": "gpt", "provider": "azure-openai", "model_name": "ours"}
    with pytest.raises(CommandError, match="base_url: Replace your-resource in the address"):
        run(json.dumps([row]), "c.json")


def test_a_provider_gets_a_name(run):
    run(rows({"provider_name": "The lab's Ollama"}), "c.json")
    assert Provider.objects.get().name == "The lab's Ollama"
    assert "2 unchanged" in run(rows({}), "c.json")


def test_the_example_is_a_file_that_works(run):
    path = django_settings.BASE_DIR / "examples" / "contenders.yaml"
    run(path.read_text())
    kinds = {"openai": "openai", "anthropic": "anthropic", "ollama": "ollama", "lm-studio": "openai"}
    assert dict(Provider.objects.values_list("slug", "kind")) == kinds


@pytest.mark.parametrize("field", ["api_key", "apiKey", "key", "API-KEY", "token", "secret", "authorization"])
def test_a_key_in_the_file_is_refused_and_not_repeated(run, field: str):
    with pytest.raises(CommandError) as error:
        run(rows({field: "sk-real-secret"}), "c.json")
    assert "Keys are not read from files" in str(error.value)
    assert "sk-real-secret" not in str(error.value)
    assert not Provider.objects.exists()


def test_a_key_where_a_variable_belongs_is_refused_and_not_repeated(run):
    with pytest.raises(CommandError) as error:
        run(rows({"api_key_env": "sk-real-secret"}), "c.json")
    assert "sk-real-secret" not in str(error.value)


def test_one_bad_row_and_nothing_is_written_and_each_is_named(run):
    text = YAML + "- slug: broken\n  provider: ollama\n- slug: new\n  provider: ollama\n  model_name: x\n"
    with pytest.raises(CommandError) as error:
        run(text)
    assert str(error.value) == "Nothing was written.\nline 16: has no model_name."
    with pytest.raises(CommandError) as error:
        run(text.replace("  provider: ollama\n- slug: new", "  provider: ollama\n  model_name: y\n- slug: new"))
    assert "line 19: slug: new is reserved for Arena" in str(error.value)
    assert state() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tier": "high"}, "line 1: has tier 'high'. Write a whole number from 0 to 99."),
        ({"tier": True}, "has tier True"),
        ({"context_tokens": 0}, "from 1 to"),
        ({"usd_per_mtok_input": "cheap"}, "leave it out if unknown"),
        ({"priced_at": "last week"}, "Write a day, as 2026-11-30"),
        ({"usd_per_mtok_input": -1}, "leave it out if unknown"),
        ({"usd_per_mtok_input": "NaN"}, "leave it out if unknown"),
        ({"usd_per_mtok_input": "0.1234567"}, "Six decimals"),
        ({"settings": [1]}, "not an object"),
        ({"settings": {"api_key": "x"}}, "looks like a secret"),
        ({"capabilities": [1]}, "not a list of words"),
        ({"kind": "telepathy"}, "Use one of: openai, responses, anthropic, gemini, ollama, replicate, fal, llama_cpp."),
        ({"kind": "imported"}, "Only imports create providers of this kind"),
        ({"requests_per_minute": 0}, "or none for no limit"),
        ({"tokens_per_minute": "many"}, "tokens_per_minute 'many'"),
        ({"max_concurrency": "none"}, "max_concurrency 'none'"),
        ({"provider_name": " "}, "name: Give it a name"),
        ({"locality": "moon"}, "Use local or hosted"),
        ({"base_url": "ftp://x"}, "http or https"),
        ({"base_url": "http://10.0.0.1/v1"}, "ARENA_OUTBOUND_ALLOW"),
        ({"colour": "red"}, "unknown field “colour”"),
        ({"model_name": 7}, "Put it in quotes"),
        ({"slug": "llama@2"}, "numbers the revisions"),
        ({"provider": "new"}, "reserved for Arena"),
        ({"model_name": "a\x00b"}, "NUL"),
    ],
)
def test_a_value_that_cannot_be(run, change: dict[str, Any], reason: str):
    with pytest.raises(CommandError) as error:
        run(rows(change), "c.json")
    assert reason in str(error.value)
    assert state() == []


def test_two_rows_that_contradict_each_other(run):
    with pytest.raises(CommandError, match=r"line 1: has locality 'hosted' for ollama; line 1 says 'local'"):
        run(rows({}, {"slug": "other", "locality": "hosted"}), "c.json")


def test_two_rows_of_one_family(run):
    with pytest.raises(CommandError, match="a family already named on line 1"):
        run(rows({}, {"slug": "llama@2"}), "c.json")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("c.yaml", "", "is empty"),
        ("c.yaml", "# nothing\n", "is not a list of contenders"),
        ("c.yaml", "[]", "contains no contenders"),
        ("c.yaml", "- [", "is not YAML"),
        ("c.yaml", "- slug: a\n  slug: b\n", "names “slug” twice"),
        ("c.yaml", "- &a {slug: x}\n- *a\n", "uses an alias (line 2, column 3)"),
        ("c.yaml", "- !!python/object/apply:os.system [ls]\n", "YAML tags are not read"),
        ("c.yaml", "- just words\n", "line 1: is not a contender"),
        ("c.json", "{", "is not JSON"),
        ("c.json", '{"a": 1}', "is not a list of contenders"),
        ("c.csv", "slug,provider,model_name\n", "no rows"),
        ("c.txt", "x", "end the file's name in .yaml"),
    ],
)
def test_a_file_that_is_none(run, name: str, text: str, reason: str):
    with pytest.raises(CommandError) as error:
        run(text, name)
    assert reason in str(error.value)


def test_another_encoding_is_named(run):
    with pytest.raises(CommandError, match="UTF-16"):
        run(YAML.encode("utf-16"))


def test_no_such_file():
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_contenders", "/nowhere/c.yaml")


LIMITS = {
    "max_concurrency": 1,
    "requests_per_minute": 600,
    "tokens_per_minute": 200_000,
    "first_token_timeout_s": 12.5,
    "total_timeout_s": 90,
}


@pytest.mark.parametrize("name", ["c.json", "c.csv"])
def test_a_file_sets_its_providers_limits(run, name: str):
    text = rows(LIMITS)
    if name == "c.csv":
        row = ROW | LIMITS
        text = f"{','.join(row)}\n{','.join(map(str, row.values()))}\n"
    run(text, name)
    provider = Provider.objects.get(slug="ollama")
    assert {field: getattr(provider, field) for field in LIMITS} == LIMITS
    before = state()
    assert "2 unchanged" in run(text, name)
    # What a file leaves out stays as it is.
    run(rows({}), "c.json")
    assert state() == before


def test_none_removes_a_limit_per_minute(run):
    run(rows(LIMITS), "c.json")
    text = rows({"requests_per_minute": "none"}, {"slug": "other", "requests_per_minute": "None"})
    assert "provider ollama: changed" in run(text, "c.json")
    provider = Provider.objects.get()
    assert (provider.requests_per_minute, provider.tokens_per_minute) == (None, 200_000)
    assert "3 unchanged" in run(text, "c.json")
    with pytest.raises(CommandError, match="requests_per_minute 5 for ollama; line 1 says None"):
        run(rows({"requests_per_minute": "none"}, {"slug": "other", "requests_per_minute": 5}), "c.json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"max_concurrency": 0}, "max_concurrency 0"),
        ({"max_concurrency": "many"}, "max_concurrency 'many'"),
        ({"total_timeout_s": True}, "total_timeout_s True"),
        ({"total_timeout_s": "1e3"}, "total_timeout_s '1e3'"),
        ({"total_timeout_s": 0}, "total_timeout_s 0"),
        ({"total_timeout_s": 7201}, "total_timeout_s 7201"),
        ({"first_token_timeout_s": 91, "total_timeout_s": 90}, "at most the total time"),
    ],
)
def test_limits_that_cannot_be_are_refused(run, change: dict[str, Any], says: str):
    with pytest.raises(CommandError) as refused:
        run(rows(change), "c.json")
    assert says in str(refused.value)
    assert not Provider.objects.exists()


def test_rows_that_disagree_on_a_providers_limits_are_refused(run):
    with pytest.raises(CommandError, match="line 1 says 1"):
        run(rows({"max_concurrency": 1}, {"slug": "other", "max_concurrency": 2}), "c.json")


def test_prices_come_with_a_source_and_a_day(run):
    priced = ROW | {"usd_per_mtok_input": 1, "usd_per_mtok_output": 2, "usd_per_mtok_cached_input": "0.1"}
    run(rows(priced | {"price_source": "our contract", "priced_at": "2026-01-02"}), "c.json")
    run(rows(priced | {"usd_per_mtok_cache_write": 3, "usd_per_mtok_reasoning": 4}), "c.json")
    made = Contender.objects.get()
    prices = (made.usd_per_mtok_cached_input, made.usd_per_mtok_cache_write, made.usd_per_mtok_reasoning)
    assert (*map(float, prices), made.price_source) == (0.1, 3, 4, "our contract")
    assert made.priced_at == datetime.now(UTC).date()


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_a_day_in_yaml_is_text(run):
    run(YAML.replace("  usd_per_mtok_output: 0.25\n", '  usd_per_mtok_output: 0.25\n  priced_at: "2026-01-02"\n'))
    assert Contender.objects.get(slug="llama").priced_at == date(2026, 1, 2)
