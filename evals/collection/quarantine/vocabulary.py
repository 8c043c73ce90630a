"""Whose names there are: brands and makers of models by family, in the scripts in which people write them, what else
such a name may mean, and the marks that chat templates leave.

Data only. A new model or maker is a word here; nothing else has to change. Everything is compared as `folding` has it,
in lower case.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "EVERYDAY",
    "FAMILIES",
    "MAKERS_OF_MUCH",
    "NOT_SURNAMES",
    "OTHER_SENSES",
    "PERSON_NAMES",
    "TEMPLATE_MARKS",
    "WORD_BRANDS",
    "Family",
]


class Family(NamedTuple):
    """`brands` and `makers` are names that mean nothing else, or hardly ever: `OTHER_SENSES` has the exceptions. Names
    of several words are joined by `_`."""

    brands: str
    makers: str = ""


FAMILIES: dict[str, Family] = {
    "openai": Family(
        "chatgpt gpt チャットgpt 챗gpt 챗지피티 تشات_جي_بي_تي شات_جي_بي_تي چت‌جی‌پی‌تی चैटजीपीटी чатгпт чат_гпт",
        "openai open_ai オープンai 오픈ai أوبن_إيه_آي اوپن‌ای‌آی ओपनएआई опенаи опенэйай",
    ),
    "anthropic": Family(
        "claude クロード 클로드 كلود کلود क्लॉड क्लाउड קלוד клод 克劳德 克勞德",
        "anthropic アンソロピック アンスロピック 앤트로픽 앤스로픽 أنثروبيك آنتروپیک एंथ्रोपिक антропик אנתרופיק",
    ),
    "google": Family(
        "gemini gemma ジェミニ 제미나이 제미니 جيميناي جمینای जेमिनी джемини ג'מיני", "deepmind google_deepmind"
    ),
    "meta": Family("codellama code_llama", "meta_ai meta_platforms"),
    "mistral": Family(
        "mistral mixtral ministral codestral magistral pixtral devstral ミストラル 미스트랄",
        "mistral mistral_ai mistralai",
    ),
    "deepseek": Family("deepseek ディープシーク 딥시크 ديب_سيك डीपसीक дипсик", "deepseek 深度求索"),
    "qwen": Family(
        "qwen qwq tongyi 通义千问 通義千問 通义 千问",
        "alibaba alibaba_cloud 阿里云 阿里雲 阿里巴巴 达摩院 アリババ 알리바바 алибаба",
    ),
    "baidu": Family("文心一言 文心大模型 ernie_bot", ""),
    "bytedance": Family("doubao 豆包", "字节跳动 字節跳動"),
    "zhipu": Family("glm chatglm 智谱清言 智譜清言", "zhipu zhipu_ai zhipuai 智谱 智譜"),
    "moonshot": Family("", "moonshot moonshot_ai 月之暗面"),
    "minimax": Family("minimax 海螺ai", "minimax 稀宇科技"),
    "tencent": Family("hunyuan 腾讯混元 混元大模型", ""),
    "iflytek": Family("讯飞星火 訊飛星火", "iflytek 科大讯飞 讯飞"),
    "huawei": Family("盘古大模型", ""),
    "sensetime": Family("日日新大模型 商量大模型", "sensetime 商汤"),
    "01": Family("", "零一万物"),
    "baichuan": Family("baichuan 百川大模型", "百川智能"),
    "stepfun": Family("跃问", "stepfun 阶跃星辰"),
    "internlm": Family("internlm 书生浦语", "上海人工智能实验室"),
    "yandex": Family("yandexgpt yagpt яндексгпт яндекс_гпт", ""),
    "sber": Family("gigachat гигачат", "сбер сбербанк sberdevices"),
    "naver": Family("hyperclova clova_x clovax 하이퍼클로바 클로바x ハイパークローバ クローバx", ""),
    "lg": Family("exaone 엑사원", "lg_ai lg_ai_research"),
    "kakao": Family("kanana 카나나", ""),
    "upstage": Family("", "업스테이지"),
    "cohere": Family("", ""),
    "xai": Family("grok グロック 그록 ग्रोक غروك", "xai x.ai"),
    "microsoft": Family("copilot", ""),
    "ai2": Family("olmo tulu", "allen_institute"),
    "ai21": Family("jamba", "ai21 ai21_labs"),
    "huggingface": Family("smollm", "huggingface hugging_face"),
    "lmsys": Family("vicuna", "lmsys"),
    "others": Family(
        "wizardlm starcoder openchat minicpm yulan telechat bielik pllum plamo elyza tsuzumi rinna sarvam krutrim",
        "eleutherai nousresearch nous_research stability_ai aleph_alpha technology_innovation_institute stanford "
        "speakleash inception_labs liquid_ai arcee",
    ),
}

# Names that are also everyday words: they count with a version ("Llama 3"), or where something introduces itself as a
# model by them.
WORD_BRANDS = """
    llama alpaca falcon koala dolly orca palm bard command nova titan phi yi aya ernie kimi hermes zephyr starling nemo
    nemotron granite solar stable dolphin arctic luminous jurassic reka molmo inflection step bloom opt pi sonar seed
    spark le_chat алиса аліса
"""

# Companies that answers also mention for other reasons: they count in introductions only.
MAKERS_OF_MUCH = """
    google microsoft meta facebook amazon apple nvidia ibm azure aws bedrock vertex baidu tencent bytedance huawei
    samsung cloudflare databricks fireworks github perplexity replicate snowflake together cohere naver kakao yandex
    sber inflection salesforce oracle xiaomi upstage tii
    グーグル マイクロソフト メタ アマゾン 구글 네이버 카카오 삼성 谷歌 微软 百度 腾讯 騰訊 华为 華為 字节 阿里 小米
    商汤科技     غوغل جوجل قوقل مايكروسوفت گوگل مایکروسافت गूगल माइक्रोसॉफ्ट मेटा яндекс гугл майкрософт מיקרוסופט גוגל
"""

# Given names of people: with a surname after them they are a person.
PERSON_NAMES = "claude gemma клод"
# What may follow a model's name with a capital and is not a surname.
NOT_SURNAMES = """
    sonnet opus haiku instant code pro max ai desktop says answer answers response model models assistant by from here i
    the a my and or is was it as antwort reponse respuesta
"""

# By brand: words near by that show that something else is meant.
OTHER_SENSES: dict[str, str] = {
    "claude": r"(?:jean|saint|marie|dear|cher|lieber|uncle|oncle|monsieur|mr|dr)[- .]+claude|"
    r"claude'?s? (?:monet|debussy|"
    r"shannon|levi|simon|francois|chabrol|rains|mckay|bernard|cahun|lorrain|makelele|puel|juncker|van damme)",
    "クロード": "クロード[・·=＝]|モネ|ドビュッシー|シャノン|レヴィ",
    "클로드": "모네|드뷔시|섀넌|화가|레비",
    "克劳德": "克劳德[·・•]|莫奈|德彪西|香农",
    "克勞德": "克勞德[·・•]|莫內|德布西|夏農",
    "كلود": "مونيه|ديبوسي|شانون",
    "کلود": "مونه|دبوسی|شانون",
    "gemini": r"constell|zodiac|astrolog|horoscop|castor|pollux|\btwins?\b|star sign|\bsigns?\b|taurus|"
    r"\bcancer\b|\bleo\b|"
    r"sagittar|nasa|spacecraft|astronaut|apollo|crewed|capsule|telescope|observator|sternbild|sternzeichen|zwilling|"
    r"zodiac|costellaz|constelac|signe|gemeaux|gemelli|winklevoss|meteor|geminid|双子|雙子|ふたご|쌍둥이|星座|"
    r"близнец",
    "ジェミニ": "ふたご|星座|計画",
    "gemma": r"piet?r|prezios|germogl|\bbuds?\b|\bgems?\b|jewel",
    "mistral": r"\bwinds?\b|rhone|provenc|\bvent\b|souffl|\bblow|gabriela|frederic|viento|nobel|\bgales?\b|"
    r"mediterran|wehen|weht|\bsopla",
    "grok": r"\bto grok|grok(?:s|ked|king)? (?:a|an|the|it|this|that|how|what|why|your|their|its)\b|grokk|heinlein|"
    r"strange land",
    "copilot": r"cockpit|\bpilots?\b|flight|\bflew|take-?off|captain|aircraft|airline|airport|landing|\brally|"
    r"\bkeys?\b|"
    r"\bcontrols\b",
    "gpt": r"\bmbr\b|partition|\bdisks?\b|\bguid\b|\buefi\b|\bbios\b|fdisk|gdisk|\bparted\b|\bliver\b|"
    r"\blebern?\b|leber|"
    r"transaminas|\benzym|hepat|\bgot\b|blut|\bblood|фермент|alanin",
    "豆包": "红豆|馒头|包子|蒸|馅|面团|饺子",
    "сбер": "банк|вклад|кредит|акци",
    "minimax": r"algorithm|game|theorem|alpha-?beta|\bplayers?\b|strateg|heuristic|search",
    "stanford": r"universit|campus|california|student|profess|\bprison\b|study|stud(?:y|ies)",
    "moonshot": r"\bproject|\bgoal|\bidea|ambiti|\ba moonshot|factory|apollo",
}

# What no answer is written with and what chat templates are: of each the family, or what it is a mark of.
TEMPLATE_MARKS: dict[str, str] = {
    "ChatML": r"<\|(?:im_start|im_end|im_sep|im_middle|im_user|im_assistant|im_system|endoftext|endofprompt|"
    r"fim_\w+)\|>",
    "Llama 3": r"<\|(?:eot_id|eom_id|start_header_id|end_header_id|begin_of_text|end_of_text|python_tag)\|>",
    "Llama 4": r"<\|(?:header_start|header_end|eot|eom)\|>",
    "Llama 2 and Mistral": r"\[/?INST\]|<</?SYS>>|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]",
    "Gemma": r"</?(?:start_of_turn|end_of_turn|start_of_image|start_function_call)>",
    "gpt-oss": r"<\|(?:channel|message|return|call|constrain|start)\|>",
    "DeepSeek": r"<\|(?:(?:begin|end)[▁_]of[▁_]sentence|tool[▁_]\w+|User|Assistant)\|>",
    "Phi and Zephyr": r"<\|(?:system|user|assistant|end|tool)\|>",
    "Command": r"<\|(?:[A-Z]+_)+TOKEN\|>|<\|(?:START|END)_(?:RESPONSE|THINKING|ACTION)\|>",
    "GLM": r"\[gMASK\]|<sop>|<\|(?:observation|begin_of_box|end_of_box)\|>",
    "Qwen's vision": r"<\|(?:vision_start|vision_end|image_pad|video_pad|object_ref_start|box_start)\|>",
    "Kimi": r"◁/?think▷",
    "MiniMax": r"</?minimax:tool_call>",
    "Seed": r"</?seed:(?:think|tool_call)>",
    "T5": r"<extra_id_\d+>",
    "OpenChat": r"GPT4 Correct (?:User|Assistant):",
    "RedPajama": r"(?m:^<(?:human|bot)>:)",
    "Vicuna": r"(?m:^### (?:Human|Assistant):)",
    "Alpaca": r"(?m:^### Instruction:)[^\x00]{0,400}?(?m:^### Response:)",
    "open models that think aloud": r"\A\s*</?think>|(?m:^[ \t]*</think>[ \t]*$)",
}

# Words in slugs, ids and provider names that identify no model.
EVERYDAY = """
    a ai alpha api app assistant auto baseline best beta better big bot candidate challenger champion chat cheap
    clever cloud code coder coding coherent company cool current data deep default delta demo dev distill double
    echo edge embed endpoint engine ensemble example expert external fake fast faster fine first flash
    free frontier full gamma gateway general giant good great green group groq guard haiku hard heavy high home host
    hosted house hub human imported incumbent inference instant instruct intel internal judge lab labs lambda
    language large latest lead light lite little live local long longer low main math mean medium mega micro mini
    mock model models mono nano native neural neuron new next node normal novita office old online open opus
    original other outside own perfect plain plus power preview private prod production proxy public pure
    quality quick random raw real reasoner reasoning red reference relay remote research room router
    sample sandbox scout second server service short silent simple slim slow small smart solid sonnet source spare
    special speed staging standard stub studio super system target team terse test text think thinking third tiny
    tool tools top true turbo ultra upstream verbose version very vision voice weak wise writer wrong
    xlarge
"""
