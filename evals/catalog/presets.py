"""Common providers: their addresses, what they need, and model names to try."""

from __future__ import annotations

from dataclasses import dataclass

from evals.models import Provider

__all__ = ["PRESETS", "Preset", "preset"]

_HOSTED, _LOCAL = Provider.Locality.HOSTED, Provider.Locality.LOCAL


@dataclass(frozen=True, kw_only=True)
class Preset:
    """`help` is one sentence: what to do first. A host that begins with `your-` has to be replaced. `base_url` is empty
    where Arena starts the server itself."""

    slug: str
    name: str
    base_url: str
    kind: Provider.Kind = Provider.Kind.OPENAI
    locality: Provider.Locality = _HOSTED
    key_env: str = ""
    help: str
    docs_url: str
    example_models: tuple[str, ...] = ()
    max_concurrency: int = 4

    @property
    def needs_key(self) -> bool:
        return bool(self.key_env)


PRESETS = (
    Preset(
        slug="openai",
        name="OpenAI",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        help="Create a key at platform.openai.com under API keys.",
        docs_url="https://developers.openai.com/api/docs/quickstart",
        example_models=("gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol"),
        max_concurrency=8,
    ),
    Preset(
        slug="anthropic",
        name="Anthropic",
        base_url="https://api.anthropic.com/v1",
        kind=Provider.Kind.ANTHROPIC,
        key_env="ANTHROPIC_API_KEY",
        help="Create a key in the Anthropic console under API keys.",
        docs_url="https://platform.claude.com/docs/en/api/overview",
        example_models=("claude-sonnet-5-5", "claude-haiku-5-5"),
    ),
    Preset(
        slug="gemini",
        name="Gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        kind=Provider.Kind.GEMINI,
        key_env="GEMINI_API_KEY",
        help="Create a key in Google AI Studio under Get API key.",
        docs_url="https://ai.google.dev/gemini-api/docs/api-key",
        example_models=("gemini-3.8-flash", "gemini-3.5-flash-lite"),
    ),
    Preset(
        slug="azure-openai",
        name="Azure OpenAI",
        base_url="https://your-resource.openai.azure.com/openai/v1",
        key_env="AZURE_OPENAI_API_KEY",
        help="Deploy a model in the Azure portal, put your resource's name into the address, and use the deployment's "
        "name as the model.",
        docs_url="https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle",
    ),
    Preset(
        slug="openrouter",
        name="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        help="Create a key at openrouter.ai/keys and add credit.",
        docs_url="https://openrouter.ai/docs/quickstart",
        example_models=("openai/gpt-6-luna", "openai/gpt-oss-120b"),
    ),
    Preset(
        slug="groq",
        name="Groq",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        help="Create a key at console.groq.com/keys.",
        docs_url="https://console.groq.com/docs/openai",
        example_models=("openai/gpt-oss-120b", "openai/gpt-oss-20b"),
    ),
    Preset(
        slug="deepseek",
        name="DeepSeek",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        help="Create a key at platform.deepseek.com under API keys and add credit.",
        docs_url="https://api-docs.deepseek.com/",
        example_models=("deepseek-v4-flash", "deepseek-v4-pro"),
    ),
    Preset(
        slug="mistral",
        name="Mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        help="Create a key at console.mistral.ai under API keys.",
        docs_url="https://docs.mistral.ai/api/",
        example_models=("mistral-small-latest", "mistral-large-latest"),
    ),
    Preset(
        slug="together",
        name="Together",
        # The price list knows it by this address, which its own client uses too.
        base_url="https://api.together.xyz/v1",
        key_env="TOGETHER_API_KEY",
        help="Copy the key from your settings at api.together.ai.",
        docs_url="https://docs.together.ai/docs/inference/openai-compatibility",
        example_models=("openai/gpt-oss-120b", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ),
    Preset(
        slug="fireworks",
        name="Fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        key_env="FIREWORKS_API_KEY",
        help="Create a key at app.fireworks.ai under API keys.",
        docs_url="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        example_models=("accounts/fireworks/models/gpt-oss-20b",),
    ),
    Preset(
        slug="qwen",
        name="Qwen (DashScope)",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env="DASHSCOPE_API_KEY",
        help="Create a key in Alibaba Cloud's Model Studio, and use the address of the key's own region and workspace.",
        docs_url="https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
        example_models=("qwen3.6-flash", "qwen3.6-plus"),
    ),
    Preset(
        slug="kimi",
        name="Kimi (Moonshot)",
        base_url="https://api.moonshot.ai/v1",
        key_env="MOONSHOT_API_KEY",
        help="Create a key at platform.kimi.ai under API keys and add credit.",
        docs_url="https://platform.kimi.ai/docs/overview",
        example_models=("kimi-k3", "kimi-k2.6"),
    ),
    Preset(
        slug="xai",
        name="xAI",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        help="Create a key at console.x.ai under API keys.",
        docs_url="https://docs.x.ai/developers/models",
        example_models=("grok-4.7", "grok-4.3"),
    ),
    Preset(
        slug="hugging-face",
        name="Hugging Face",
        base_url="https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
        help="Create a token that may make calls to Inference Providers at huggingface.co/settings/tokens.",
        docs_url="https://huggingface.co/docs/inference-providers/index",
        example_models=("openai/gpt-oss-20b", "meta-llama/Llama-3.3-70B-Instruct"),
    ),
    Preset(
        slug="replicate",
        name="Replicate",
        base_url="https://api.replicate.com/v1",
        kind=Provider.Kind.REPLICATE,
        key_env="REPLICATE_API_TOKEN",
        help="Create a token at replicate.com/account/api-tokens, and name models as owner/name or owner/name:version.",
        docs_url="https://replicate.com/docs/reference/http",
        example_models=("meta/meta-llama-3-8b-instruct",),
    ),
    Preset(
        slug="fal",
        name="fal",
        base_url="https://queue.fal.run",
        kind=Provider.Kind.FAL,
        key_env="FAL_KEY",
        help="Create a key at fal.ai/dashboard/keys, and name models as their pages do, or app:model for one behind an "
        "app.",
        docs_url="https://fal.ai/docs/documentation/model-apis/inference/queue",
        example_models=("fal-ai/any-llm:google/gemini-2.5-flash",),
    ),
    Preset(
        slug="ollama",
        name="Ollama",
        base_url="http://127.0.0.1:11434",
        kind=Provider.Kind.OLLAMA,
        locality=_LOCAL,
        help="Start it with `ollama serve`, get a model with `ollama pull`, and use the names in `ollama list`.",
        docs_url="https://docs.ollama.com/api/chat",
        example_models=("llama3.2:3b", "qwen2.5:7b", "gemma3:4b"),
        max_concurrency=1,
    ),
    Preset(
        slug="lm-studio",
        name="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        locality=_LOCAL,
        help="Load a model, start the server on its Developer page, and use the names that its page shows.",
        docs_url="https://lmstudio.ai/docs/developer/openai-compat",
        example_models=("qwen2.5-7b-instruct", "llama-3.2-3b-instruct"),
        max_concurrency=1,
    ),
    Preset(
        slug="llama-cpp",
        name="llama.cpp",
        base_url="http://127.0.0.1:8080/v1",
        locality=_LOCAL,
        help="Start `llama-server -m model.gguf`; in production, allow its address in ARENA_OUTBOUND_ALLOW.",
        docs_url="https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        max_concurrency=1,
    ),
    Preset(
        slug="gguf",
        name="A GGUF file on this machine",
        base_url="",
        kind=Provider.Kind.LLAMA_CPP,
        locality=_LOCAL,
        help="Put the file into a folder that ARENA_GGUF_DIRS lists, and name contenders' models by its path there.",
        docs_url="https://github.com/ggml-org/llama.cpp",
        max_concurrency=1,
    ),
    Preset(
        slug="vllm",
        name="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        locality=_LOCAL,
        help="Start `vllm serve MODEL`, on another port if Arena itself is on 8000, and use MODEL as the name.",
        docs_url="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        max_concurrency=16,
    ),
)


def preset(slug: str) -> Preset | None:
    return next((one for one in PRESETS if one.slug == slug), None)
