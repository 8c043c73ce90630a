"""How a model introduces itself, language by language.

Data, in a small notation over regular expressions. In a pattern `@` stands for a model's name ("I am @"), `%` for a
model's or a maker's ("trained by %"); a space for anything between two words; `~` for a few words of the same sentence;
`<word>` for a part that the language declares under this name. A pattern has one `@` or `%`. A language is only tried
where its `cue` is found near a name. Accents are left out before comparing, so they may be written or not.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LANGUAGES", "Language"]


class Language(NamedTuple):
    """`parts` are named pieces of patterns. `spaced`: words stand between spaces, so a pattern begins and ends with a
    whole word."""

    cue: str
    parts: dict[str, str]
    patterns: tuple[str, ...]
    spaced: bool = True


LANGUAGES: dict[str, Language] = {
    "English": Language(
        r"\b(?:i|me|my|as|here|this|we|you|being)\b|\bi'|\bim\b",
        {
            "iam": r"(?:i am|i'm|im|i'm)(?: (?:actually|really|just|indeed|in fact|also|still|only))?",
            "am": r"(?:<iam>(?: (?:called|named|known as|speaking as))?|my name is|my name's|call me(?: by)?|"
            r"(?:you are|you're|you were) (?:talking|speaking|chatting) (?:to|with)|(?:speaking|acting|"
            r"answering) as)",
            "model": r"(?:\w*models?|assistants?|chatbots?|bots?|systems?|ais?|llms?|artificial intelligences?)",
            "machine": r"(?:(?:large |multimodal |small )?language models?|ai(?: \w+){0,2} (?:models?|"
            r"assistants?|systems?|bots?)|"
            r"ai|llm|chatbot|ai model|conversational \w+|virtual assistant|assistant|model)",
            "made": r"(?:trained|developed|created|made|built|designed|fine-?tuned|programmed|engineered|"
            r"released|produced|"
            r"trained and \w+|developed and \w+|created and \w+|built and \w+|designed and \w+)",
            "does": r"(?:trained|developed|created|built|designed|fine-?tuned|programmed|engineered|released)",
        },
        (
            r"<am> @",
            r"<am> (?:an?|the|your) (?:[\w-]+ ){0,3}@ (?:ai|llm|large|language|model|assistant|chatbot|bot)",
            r"as @(?:, [^,.]{0,40},)? (?:i|my|me|an ai)",
            r"<iam> (?:an?|the|just an?) (?:[\w-]+ ){0,4}?<machine>(?: (?:that|which|who|and))?(?: (?:was|is|"
            r"i was|am))?"
            r" (?:<made> (?:by|at|on|from)|called|named|known as|based on|built on|powered by|from|by|of)"
            r" (?:[\w'-]+ ){0,4}?%",
            r"<iam> (?:an? |the )?(?:\w+ )?(?:member|part|version|variant|model|product|instance|creation)"
            r" (?:of|in|from|by) (?:[\w'-]+ ){0,3}?%",
            r"<iam> (?:the )?%(?:'s)? (?:[\w-]+ ){0,3}?<machine>",
            r"(?:as|being) (?:an?|the) (?:[\w-]+ ){0,3}?<machine> (?:that was |which was |"
            r"\w+ly )?(?:<made> (?:by|at)|from|by|of)"
            r" (?:[\w'-]+ ){0,3}?%",
            r"as (?:an? |the )?%(?:'s)? (?:[\w-]+ ){0,3}?<machine>",
            r"i(?: was| am|'m| have been|'ve been| got)(?: \w+)? <made> (?:by|at|from) (?:[\w'-]+ ){0,4}?%",
            r"^\W*<made> by %~ i (?:am|can|cannot|was|do|have)",
            r"%(?:'s)? (?:\w+ ){0,4}?<does>(?: and \w+)? me",
            r"% (?:\w+ ){0,3}?made me (?:to|as|so that|this way)",
            r"my (?:\w+ )?(?:creators?|developers?|makers?|trainers?|designers?|parent company)(?: at| is| are|"
            r" from| called|"
            r" team at)? (?:the )?%",
            r"%(?:'s)? (?:is|are) (?:the company that \w+ me|my (?:\w+ )?(?:creators?|developers?|makers?))",
            r"%'s? (?:[\w-]+ ){0,3}?(?:polic(?:y|ies)|guidelines|terms|rules)~ i (?:cannot|can't|can not|am not able|"
            r"am unable|must|won't|will not|have to)",
            r"i (?:cannot|can't|can not|am unable|must|won't)~ %'s? (?:[\w-]+ ){0,3}?(?:polic(?:y|ies)|"
            r"guidelines|terms)",
            r"i(?: am|'m)? (?:run|running|based|built|powered|hosted) (?:on|by|"
            r"upon)(?: top of)? (?:the )?(?:[\w-]+ ){0,3}?@",
            r"my (?:underlying |base |own |full )?(?:model|engine|name|model name)(?: \w+)? (?:is|"
            r"was) (?:called |the )?@",
            r"(?:hi|hello|hey|greetings|welcome) (?:there )?(?:this is|it's|it is) @",
        ),
    ),
    "German": Language(
        r"\b(?:ich|mich|mir|mein\w*|als|hier)\b",
        {
            "am": r"(?:ich bin(?: ubrigens| auch| nur)?|ich hei(?:ß|ss)e|mein name (?:ist|lautet)|man nennt mich|"
            r"nenn(?:e|en sie)? mich|hier (?:ist|spricht|schreibt))",
            "model": r"(?:\w*sprachmodell\w*|ki(?: \w+)?|ki-\w+|ai-\w+|\w*assistent\w*|chatbot|"
            r"kunstliche intelligenz|"
            r"\w*modell|ai|llm)",
            "made": r"(?:entwickelt\w*|trainiert\w*|erstellt\w*|erschaffen\w*|geschaffen\w*|gebaut\w*|"
            r"programmiert\w*|"
            r"gemacht|hergestellt\w*|entworfen\w*|angelernt|veroffentlicht\w*)",
        },
        (
            r"<am> (?:der |die |das )?@",
            r"<am> (?:ein|eine|der|die|das) (?:\w+ ){0,2}?@(?:-| )?(?:modell|assistent|sprachmodell|chatbot|bot|"
            r"ki)\w*",
            r"ich bin (?:ein|eine|das|der|die|nur ein|lediglich ein) (?:\w+ ){0,4}?<model>(?: (?:das|der|die|"
            r"und|wurde|"
            r"ich|welches|welcher|<made>)){0,3}? (?:von|durch|aus|namens|bei|auf basis von|basierend auf|des|der)"
            r" (?:\w+ ){0,3}?%",
            r"ich (?:bin|wurde|werde)(?: \w+)? (?:von|durch|bei) (?:\w+ ){0,3}?% (?:\w+ ){0,2}?<made>",
            r"ich (?:bin|wurde)(?: \w+)? <made> (?:worden )?(?:von|durch|bei) (?:\w+ ){0,3}?%",
            r"als (?:ein )?(?:von|durch) (?:\w+ ){0,3}?% <made> (?:\w+ ){0,3}?<model>",
            r"als (?:\w+ ){0,4}?<model> (?:(?:das|der|die|<made>) ){0,2}?(?:von|durch|aus) (?:\w+ ){0,3}?%",
            r"als %(?:-| )?<model>",
            r"als @ (?:habe|kann|bin|mochte|darf|werde|muss|soll) ich",
            r"% (?:hat|haben|hatte) mich (?:\w+ ){0,6}?<made>",
            r"mein\w* (?:entwickler\w*|schopfer\w*|hersteller\w*|erfinder\w*|ersteller\w*)(?: (?:von|bei|ist|"
            r"sind|heißt))?"
            r" (?:die firma |das unternehmen )?%",
            r"ich (?:basiere auf|laufe auf|beruhe auf|stamme von|komme von) (?:\w+ ){0,3}?%",
            r"mein\w* (?:modell|zugrunde liegendes modell|grundlage) (?:ist|heißt) (?:\w+ )?@",
        ),
    ),
    "French": Language(
        r"\b(?:je|j|me|m|moi|mon|mes|en tant|ici)\b",
        {
            "am": r"(?:je suis|je m'appelle|mon nom est|appelez-moi|appelle-moi|ici|moi c'est|vous parlez (?:a|"
            r"avec))",
            "model": r"(?:modele(?: \w+)?(?: de langage| linguistique)?|assistant\w*|ia|"
            r"intelligence artificielle|chatbot|"
            r"agent conversationnel|llm)",
            "made": r"(?:cree\w*|developpe\w*|entraine\w*|concu\w*|construit\w*|programme\w*|forme\w*|fabrique\w*)",
        },
        (
            r"<am> (?:le |la |l')?@",
            r"je suis (?:un|une|le|la|l') ?(?:[\w']+ ){0,6}?<model>(?: [\w']+){0,4}? (?:(?:qui a ete |"
            r"et )?<made>(?: et \w+)?"
            r" par|de|d'|du|nomme|appele|base sur) ?(?:[\w']+ ){0,3}?%",
            r"(?:j'ai|je suis|j'etais|je fus)(?: ete)? <made>(?: et \w+)? (?:par|chez) (?:[\w']+ ){0,4}?%",
            r"(?:en tant que|comme) (?:[\w']+ ){0,5}?<model>(?: [\w']+){0,4}? (?:<made>(?: et \w+)? par|de|d'|du) ?"
            r"(?:[\w']+ ){0,3}?%",
            r"en tant que @ je",
            r"% m'(?:a|ont|avait) (?:\w+ ){0,2}?<made>",
            r"m[eo]s? (?:createurs?|developpeurs?|concepteurs?|n createur|n developpeur)(?: chez| est| sont|"
            r" de)? (?:la )?%",
            r"mon (?:createur|developpeur|concepteur|fabricant)(?: est| c'est)? %",
            r"je (?:suis base sur|m'appuie sur|fonctionne (?:avec|sur|grace a)|repose sur) (?:[\w']+ ){0,4}?@",
        ),
    ),
    "Spanish": Language(
        r"\b(?:soy|fui|me|mi|mis|como|he sido|yo|aqui|estoy)\b",
        {
            "am": r"(?:(?:yo )?soy|me llamo|mi nombre es|puedes llamarme|llamame|te habla|estas hablando con)",
            "model": r"(?:modelo(?: \w+)?(?: de (?:lenguaje|inteligencia artificial|ia|lengua))?|asistente\w*|ia|"
            r"inteligencia artificial|chatbot|llm|bot)",
            "made": r"(?:cread[oa]|desarrollad[oa]|entrenad[oa]|disenad[oa]|construid[oa]|programad[oa]|"
            r"hech[oa]|fabricad[oa])",
            "does": r"(?:entreno|creo|desarrollo|diseno|programo|construyo|hizo|ha (?:entrenado|creado|"
            r"desarrollado|disenado|"
            r"programado))",
        },
        (
            r"<am> (?:el |la )?@",
            r"(?:yo )?soy (?:un|una|el|la) (?:\w+ ){0,5}?<model>(?: \w+){0,4}? (?:<made>(?: y \w+)? por|de|del|"
            r"llamad[oa]|"
            r"basad[oa] en) (?:\w+ ){0,3}?%",
            r"(?:fui|he sido|estoy|soy) <made>(?: y \w+)? (?:por|en) (?:\w+ ){0,4}?%",
            r"como (?:\w+ ){0,4}?<model>(?: \w+){0,4}? (?:<made>(?: y \w+)? por|de) (?:\w+ ){0,3}?%",
            r"como @ (?:no |yo )",
            r"% me (?:\w+ )?<does>",
            r"mis? (?:creador(?:es)?|desarrollador(?:es)?|fabricantes?)(?: de| en| es| son)? %",
            r"(?:me baso en|estoy basad[oa] en|funciono con) (?:\w+ ){0,3}?@",
        ),
    ),
    "Italian": Language(
        r"\b(?:sono|mi|mio|miei|come|in quanto|io)\b",
        {
            "am": r"(?:(?:io )?sono|mi chiamo|il mio nome e|chiamami|stai parlando con)",
            "model": r"(?:modello(?: \w+)?(?: linguistico| di linguaggio)?|assistente\w*|ia|ai|"
            r"intelligenza artificiale|chatbot)",
            "made": r"(?:creat[oa]|sviluppat[oa]|addestrat[oa]|progettat[oa]|costruit[oa]|programmat[oa]|"
            r"realizzat[oa])",
        },
        (
            r"<am> (?:il |la |l')?@",
            r"sono (?:un|una|il|l')'? ?(?:\w+ ){0,5}?<model>(?: \w+){0,4}? (?:<made>(?: e \w+)? da|di|dell[a']|"
            r"chiamato|"
            r"basato su) ?(?:\w+ ){0,3}?%",
            r"(?:sono stat[oa]|sono|venni|fui) <made>(?: e \w+)? (?:da|dalla|presso) (?:\w+ ){0,4}?%",
            r"(?:come|in quanto|in qualita di) (?:\w+ ){0,5}?<model>(?: \w+){0,4}? (?:<made>(?: e \w+)? da|"
            r"di) (?:\w+ ){0,3}?%",
            r"% mi ha(?:nno)? <made>",
            r"i? ?mie?[oi] (?:creator[ei]|sviluppator[ei])(?: di| e| sono)? %",
            r"(?:mi baso su|sono basat[oa] su|funziono con) (?:\w+ ){0,3}?@",
        ),
    ),
    "Portuguese": Language(
        r"\b(?:sou|fui|meu\w*|minha|me|chamo|como|eu|treinou)\b",
        {
            "am": r"(?:(?:eu )?sou|(?:eu )?me chamo|chamo-me|(?:o )?meu nome e|pode me chamar de|aqui e)",
            "model": r"(?:modelo(?: \w+)?(?: de (?:linguagem|lingua|ia))?|assistente\w*|ia|"
            r"inteligencia artificial|chatbot)",
            "made": r"(?:criad[oa]|desenvolvid[oa]|treinad[oa]|projetad[oa]|construid[oa]|programad[oa]|"
            r"feit[oa]|concebid[oa])",
        },
        (
            r"<am> (?:o |a )?@",
            r"sou (?:um|uma|o|a) (?:\w+ ){0,5}?<model>(?: \w+){0,4}? (?:<made>(?: e \w+)? pel[oa]|<made> por|"
            r"d[aeo]|chamad[oa]|"
            r"basead[oa] em) (?:\w+ ){0,3}?%",
            r"(?:fui|sou|estou|tenho sido) <made>(?: e \w+)? (?:pel[oa]|por|na|no) (?:\w+ ){0,4}?%",
            r"como (?:\w+ ){0,4}?<model>(?: \w+){0,4}? (?:<made>(?: e \w+)? (?:pel[oa]|por)|d[aeo]) (?:\w+ ){0,3}?%",
            r"% me (?:treinou|criou|desenvolveu|projetou|programou)",
            r"% (?:treinou|criou|desenvolveu)-me",
            r"meus? (?:criador(?:es)?|desenvolvedor(?:es)?)(?: d[aeo]| na| e| sao)? %",
        ),
    ),
    "Dutch": Language(
        r"\b(?:ik|mij|me|mijn|als)\b",
        {
            "am": r"(?:ik ben|ik heet|mijn naam is|noem me|je praat met|u spreekt met)",
            "model": r"(?:\w*taalmodel|ai(?:-\w+)?|\w*assistent|chatbot|kunstmatige intelligentie|\w*model)",
            "made": r"(?:ontwikkeld|getraind|gemaakt|gecreeerd|gebouwd|ontworpen|geprogrammeerd|gecreerd)",
        },
        (
            r"<am> (?:de |het )?@",
            r"ik ben (?:een|de|het|slechts een) (?:[\w-]+ ){0,4}?<model>(?: (?:dat|die|is|en|"
            r"<made>)){0,3}? (?:van|door|genaamd|"
            r"gebaseerd op) (?:\w+ ){0,3}?%",
            r"ik (?:ben|werd|word)(?: \w+)? (?:<made> )?(?:door|bij|van) (?:\w+ ){0,3}?% (?:\w+ )?<made>",
            r"ik (?:ben|werd|word)(?: \w+)? <made>(?: en \w+)? (?:door|bij) (?:\w+ ){0,3}?%",
            r"als (?:[\w-]+ ){0,4}?<model> (?:(?:dat|die|is|<made>) ){0,3}?(?:door|van) (?:\w+ ){0,3}?%",
            r"% heeft (?:mij|me) (?:\w+ ){0,5}?<made>",
            r"mijn (?:makers?|ontwikkelaars?)(?: bij| van| is| zijn)? %",
        ),
    ),
    "Swedish, Danish and Norwegian": Language(
        r"\b(?:jag|jeg|mig|meg|mitt|mit|min|mine|som)\b",
        {
            "am": r"(?:ja?e?g (?:ar|er|heter|hedder)|(?:mitt|mit) (?:namn|navn) (?:ar|er)|kalla mig|kald mig)",
            "model": r"(?:\w*(?:sprakmodell?|sprogmodel|modell?)|ai(?:-\w+)?|\w*assistent|chatb[ou]tt?)",
            "made": r"(?:utvecklad\w*|udviklet|utviklet|tranad\w*|trænet|trent|skapad\w*|skabt|laget|lavet|"
            r"byggd?\w*|designad\w*)",
        },
        (
            r"<am> @",
            r"ja?e?g (?:ar|er) (?:en|ett|et) (?:[\w-]+ ){0,4}?<model>(?: (?:som|ar|er|<made>)){0,3}? (?:av|af|"
            r"fran|fra) (?:\w+ ){0,3}?%",
            r"ja?e?g (?:ar|er|har blivit|har|blev|ble|er blevet)(?: \w+)? <made> (?:av|af|hos) (?:\w+ ){0,3}?%",
            r"som (?:[\w-]+ ){0,4}?<model> (?:(?:som|ar|er|<made>) ){0,2}?(?:av|af|fran|fra) (?:\w+ ){0,3}?%",
            r"% (?:har )?(?:tranade?|trent|trænede?|skapade?|skabte?|utvecklade?|udviklede?) (?:mig|meg)",
        ),
    ),
    "Polish": Language(
        r"\b(?:jestem|zosta\w+|mnie|moj\w*|nazywam|jako|mam)\b",
        {
            "am": r"(?:(?:ja )?jestem|nazywam sie|mam na imie|moje imie to|rozmawiasz z)",
            "model": r"(?:\w*model\w*(?: jezykow\w+)?|asystent\w*|sztuczna inteligencja|sztuczną inteligencją|"
            r"chatbot\w*|ai)",
            "made": r"(?:stworzon\w*|opracowan\w*|wytrenowan\w*|wyszkolon\w*|zaprojektowan\w*|zbudowan\w*|"
            r"szkolon\w*|trenowan\w*)",
        },
        (
            r"<am> @",
            r"jestem (?:\w+ ){0,5}?<model>(?: \w+){0,3}? (?:<made>(?: \w+)? przez|od|firmy|o nazwie|"
            r"opartym na) (?:\w+ ){0,3}?%",
            r"zosta(?:l|ł)[ea]m <made> (?:\w+ )?przez (?:\w+ ){0,3}?%",
            r"jako (?:\w+ ){0,4}?<model>(?: \w+){0,3}? (?:(?:<made>(?: \w+)? przez|od|firmy) )?(?:\w+ ){0,3}?%",
            r"% mnie (?:\w+ )?(?:stworzy\w+|wytrenowa\w+|opracowa\w+|wyszkoli\w+|zaprojektowa\w+)",
            r"(?:stworzy\w+|wytrenowa\w+|opracowa\w+|wyszkoli\w+) mnie (?:\w+ ){0,2}?%",
        ),
    ),
    "Czech and Slovak": Language(
        r"\b(?:jsem|som|byl\w*|bol\w*|mne|ma|muj|moj\w*|jmenuji|volam|jako|ako)\b",
        {
            "am": r"(?:(?:ja )?(?:jsem|som)|jmenuji se|jmenuju se|volam sa|(?:moje jmeno|moje meno) je)",
            "model": r"(?:\w*model\w*|asistent\w*|umela inteligence|umela inteligencia|chatbot|ai)",
            "made": r"(?:vytvoren\w*|vyvinut\w*|trenovan\w*|natrenovan\w*|vyskolen\w*|vytrenovan\w*)",
        },
        (
            r"<am> @",
            r"(?:jsem|som) (?:\w+ ){0,4}?<model>(?: \w+){0,2}? (?:<made>(?: \w+)?|od) (?:spolecnosti |firmou |"
            r"spolocnostou |firmy )?%",
            r"(?:byl|bol)a? (?:jsem|som) <made>(?: \w+){0,2}? %",
            r"% (?:me|mne|ma) (?:vytvoril\w*|vyvinul\w*|natrenoval\w*)",
        ),
    ),
    "Turkish": Language(
        r"\b(?:ben\w*|adim|olarak)\b|\w+d[iu]m\b|y[iu]m\b|\w+ild[iu]m",
        {
            "model": r"(?:\w*model\w*|asistan\w*|yapay zeka\w*|sohbet robotu\w*|ai)",
            "made": r"(?:gelistiril\w+|egitil\w+|olusturul\w+|yaratil\w+|tasarlan\w+|yapil\w+|uretil\w+|"
            r"programlan\w+)",
        },
        (
            r"(?:ben|benim adim|adim|bana) @",
            r"@'?(?:[yn]?[iu]m)",
            r"% tarafindan (?:\w+ )?(?:gelistirildim|egitildim|olusturuldum|yaratildim|tasarlandim|yapildim|"
            r"uretildim|programlandim)",
            r"(?:ben|olarak)~ % tarafindan (?:\w+ )?<made>",
            r"% tarafindan (?:\w+ )?<made> (?:\w+ ){0,5}?<model>(?:yim|yum|im|um|iyim)",
            r"% tarafindan (?:\w+ )?<made> (?:\w+ ){0,4}?<model> olarak",
            r"ben~ %(?:'\w+)? (?:\w+ ){0,3}?<model>(?:yim|yum|im|um|iyim)",
            r"% beni (?:\w+ )?(?:egitti|gelistirdi|olusturdu|yaratti|tasarladi)",
        ),
    ),
    "Russian": Language(
        r"\b(?:я|меня|мне|мои|моя|мое|как)\b|мои",
        {
            "model": r"(?:\w*модел\w*|ассистент\w*|помощник\w*|нейросет\w*|искусственн\w+ интеллект\w*|"
            r"чат-?бот\w*|ии|бот\w*)",
            "made": r"(?:создан\w*|разработан\w*|обучен\w*|натренирован\w*|построен\w*|выпущен\w*)",
            "does": r"(?:создал\w*|разработал\w*|обучил\w*|натренировал\w*|сделал\w*|спроектировал\w*)",
        },
        (
            r"я(?: -| –| —| это)? @",
            r"(?:меня зовут|мое имя|зовите меня|называите меня|с вами) @",
            r"я(?: -| это)? (?:\w+ ){0,5}?<model>(?: \w+){0,3}? (?:<made>(?: \w+)?|от|компании|из|на базе|"
            r"на основе|под названием)"
            r" (?:\w+ ){0,2}?%",
            r"я (?:был\w* |\w+ )?<made> (?:\w+ ){0,3}?%",
            r"меня (?:\w+ )?<does> (?:\w+ ){0,3}?%",
            r"% (?:\w+ )?(?:<does> меня|меня (?:\w+ )?<does>)",
            r"(?:будучи|как|являясь) (?:\w+ ){0,4}?<model>(?: \w+){0,2}? (?:<made>(?: \w+)?|от|"
            r"компании) (?:\w+ ){0,2}?%",
            r"(?:мои|моих|моим) (?:создател\w*|разработчик\w*)(?: -| это| из)? (?:компания )?%",
        ),
    ),
    "Ukrainian": Language(
        r"\b(?:я|мене|мені|мені|моі|моє|як)\b",
        {
            "model": r"(?:\w*модел\w*|асистент\w*|помічник\w*|неиромереж\w*|штучн\w+ інтелект\w*|чат-?бот\w*|ші)",
            "made": r"(?:створен\w*|розроблен\w*|навчен\w*|натренован\w*)",
            "does": r"(?:створил\w*|розробил\w*|навчил\w*|натренувал\w*)",
        },
        (
            r"я(?: -| це)? @",
            r"(?:мене звати|моє ім'я|мое ім'я|моє імя) @",
            r"я(?: -| це)? (?:\w+ ){0,5}?<model>(?: \w+){0,3}? (?:<made>(?: \w+)?|від|компаніі|з) (?:\w+ ){0,2}?%",
            r"(?:я|мене) (?:бул\w* |\w+ )?<made> (?:\w+ ){0,3}?%",
            r"мене (?:\w+ )?<does> (?:\w+ ){0,3}?%",
            r"% (?:\w+ )?(?:<does> мене|мене (?:\w+ )?<does>)",
            r"як (?:\w+ ){0,4}?<model>(?: \w+){0,2}? (?:<made>(?: \w+)?|від) (?:\w+ ){0,2}?%",
        ),
    ),
    "Vietnamese": Language(
        r"\b(?:toi|minh|em|la)\b",
        {
            "model": r"(?:mo hinh|tro ly|tri tue nhan tao|chatbot|ai)",
            "made": r"(?:tao ra|phat trien|huan luyen|đao tao|dao tao|xay dung|thiet ke|lap trinh)",
        },
        (
            r"(?:toi|minh|em|ten (?:cua )?(?:toi|minh)) (?:la|ten la|duoc goi la|đuoc goi la) @",
            r"(?:toi|minh|em) la~ <model>~ (?:boi|cua|tu) %",
            r"(?:toi|minh|em) la~ <model>~ % <made>",
            r"(?:toi|minh|em) (?:đuoc|da đuoc|đa đuoc) <made> (?:boi )?%",
            r"(?:toi|minh|em) (?:đuoc|đa đuoc) % <made>",
        ),
    ),
    "Indonesian and Malay": Language(
        r"\b(?:saya|aku|nama|sebagai)\b",
        {
            "model": r"(?:model(?: bahasa)?|asisten|pembantu|kecerdasan buatan|chatbot|ai)",
            "made": r"(?:dikembangkan|dilatih|dibuat|diciptakan|dibangun|dirancang|dibangunkan|dicipta)",
        },
        (
            r"(?:saya|aku|nama saya) (?:adalah |ialah |bernama )?@",
            r"(?:saya|aku) (?:adalah |ialah )?(?:\w+ ){0,3}?<model>~ (?:<made> (?:oleh )?|dari |oleh )%",
            r"(?:saya|aku) (?:telah )?<made> oleh (?:\w+ ){0,2}?%",
            r"sebagai~ <model>~ (?:<made> )?(?:oleh|dari) %",
            r"% (?:telah )?(?:melatih|membuat|menciptakan|mengembangkan) (?:saya|aku)",
        ),
    ),
    "Chinese": Language(
        r"我|作为|作為|本人|我们|由",
        {
            "model": r"(?:模型|助手|人工智能|人工智慧|ai|机器人|機器人|大模型|语言模型)",
            "made": r"(?:开发|開發|训练|訓練|研发|研發|推出|打造|创建|創建|创造|創造|构建|構建|设计|設計|提供|"
            r"制造|製造|发布|發布)",
        },
        (
            r"(?:我是|我叫|我就是|我的名字是|我的名字叫|我名叫|我的名称是|你可以叫我|您可以叫我|叫我|这里是|"
            r"這裡是) @",
            r"我是(?:由|来自|來自|基于|基於)?[^，。\n]{0,12}%[^，。\n]{0,14}(?:<made>|<model>)",
            r"我是[^。\n]{0,24}<model>[^。\n]{0,12}(?:由|来自|來自|基于|基於|出自)[^。\n]{0,6}%",
            r"(?:我|本人)(?:是)?(?:由|被|来自|來自|出自)[^，。\n]{0,8}%(?:公司|团队|"
            r"團隊)?[^，。\n]{0,8}(?:<made>|的)",
            r"(?:作为|作為|身为|身為)[^，。\n]{0,12}%[^，。\n]{0,14}(?:<made>|<model>|@)",
            r"(?:作为|作為) @[^，。\n]{0,4}，?我",
            r"(?:作为|作為|身为|身為)[^，。\n]{0,10}<model> ?@",
            r"%(?:公司|团队|團隊)?(?:对我|對我|把我|将我|將我)?[^，。\n]{0,4}<made>(?:了|出了|的)?我",
            r"我的(?:开发者|開發者|创造者|創造者|开发团队|开发商|母公司)[^，。\n]{0,6}%",
            r"我(?:的底层|的底層|的基础|使用的|所用的|运行的)?模型是 %",
            r"我(?:基于|基於|运行在|使用的是)[^，。\n]{0,8}@",
        ),
        spaced=False,
    ),
    "Japanese": Language(
        r"私|わたし|僕|ぼく|俺|申します|といいます|と言います|として|当方|わたくし",
        {
            "me": r"(?:私|わたし|わたくし|僕|ぼく|俺|当方)(?:の名前|の名)?(?:は|が|も)?、?",
            "model": r"(?:モデル|アシスタント|ai|人工知能|チャットボット)",
            "made": r"(?:開発|トレーニング|訓練|学習|作成|作ら|作り|作っ|設計|製作|構築|提供|リリース|創)",
        },
        (
            r"<me> @(?:です|と申|といい|と言|という|、|だ|であり|。)?",
            r"@(?:と申します|といいます|と言います)",
            r"<me>[^。\n]{0,20}%(?:社|の|が|に|によって|により)[^。\n]{0,20}(?:<made>|<model>)",
            r"%(?:社)?(?:が|は)(?:私|わたし|僕)を[^。\n]{0,6}<made>",
            r"(?:^|。)[^。\n]{0,4}%(?:社)?(?:によって|により|に)[^。\n]{0,10}<made>[^。\n]{0,12}(?:私|として)",
            r"%(?:社)?(?:が|の|によって|により)[^。\n]{0,10}<made>[^。\n]{0,16}<model>として",
            r"<me>[^。\n]{0,24}<model>[^。\n]{0,10}、[^。\n]{0,4}%",
        ),
        spaced=False,
    ),
    "Korean": Language(
        r"저는|제|나는|난|저를|나를|저의|전 |저도|로서",
        {
            "me": r"(?:저는|나는|난|전|제 이름은|저의 이름은|내 이름은|저도)",
            "model": r"(?:모델|어시스턴트|비서|인공지능|챗봇|ai)",
            "made": r"(?:(?:개발|훈련|학습|제작|설계|구축|출시|창조)(?:한|된|했|되|시킨|하)|만든|만들)",
        },
        (
            r"<me> @",
            r"<me>[^.\n]{0,16}@(?:입니다|예요|이에요|이야|야)",
            r"@(?:라고|이라고) (?:합니다|해요|불러)",
            r"<me>[^.\n]{0,20}%(?:에서|가|이|의|에 의해|사가|사의)?[^.\n]{0,14}(?:<made>|<model>)",
            r"%(?:에서|가|이|에 의해)[^.\n]{0,10}<made>[^.\n]{0,16}<model>(?:로서|입니다|이에요|예요)",
            r"%(?:가|이|에서) (?:저를|나를)[^.\n]{0,6}<made>",
            r"(?:저를|나를) (?:<made>)[^.\n]{0,6}%",
        ),
        spaced=False,
    ),
    "Arabic": Language(
        r"انا|أنا|اسمي|تدريبي|تطويري|انشائي|إنشائي|بصفتي|كنموذج|طورتني|دربتني|تصميمي|مطوري|صنعتني",
        {
            "model": r"(?:نموذج\w*|مساعد\w*|ذكاء اصطناعي|الذكاء الاصطناعي|روبوت\w*)",
            "made": r"(?:طور\w*|درب\w*|صمم\w*|انشا\w*|أنشأ\w*|صنع\w*|تطوير\w*|تدريب\w*|مطور|مدرب)",
        },
        (
            r"(?:انا|أنا|اسمي|إسمي|اسمي هو|يمكنك مناداتي) (?:هو )?@",
            r"(?:انا|أنا) ~<model>~ (?:شركة |قبل |من |بواسطة |لدى )%",
            r"(?:تم|لقد تم|جرى) (?:تدريبي|تطويري|إنشائي|انشائي|تصميمي|برمجتي)~ %",
            r"(?:طورتني|دربتني|أنشأتني|انشاتني|صممتني|صنعتني) (?:شركة )?%",
            r"(?:بصفتي|كوني|كنموذج)~ (?:شركة |قبل |من |بواسطة )%",
            r"(?:مطوري|مبتكري|صانعي)~ (?:شركة |في )?%",
        ),
        spaced=False,
    ),
    "Persian and Urdu": Language(
        r"من |مرا|نام من|اسم من|به عنوان|بعنوان|میں |مجھے|میرا",
        {
            "model": r"(?:مدل|دستیار|هوش مصنوعی|چت ?بات|ماڈل|معاون)",
            "made": r"(?:ساخته|توسعه|آموزش|طراحی|ایجاد|بنایا|تیار|تربیت)",
        },
        (
            r"(?:من|نام من|اسم من|میں|میرا نام) @",
            r"(?:من|میں)~ (?:توسط|ساخت|از) (?:شرکت )?%",
            r"(?:به عنوان|بعنوان)~ (?:توسط|از|ساخت) (?:شرکت )?%",
            r"% (?:مرا|من را)~<made>",
            r"(?:مجھے|میں)~ ?%~<made>",
        ),
        spaced=False,
    ),
    "Hindi": Language(
        r"मैं|मुझे|मेरा|मेरे",
        {
            "made": r"(?:बनाया|प्रशिक्षित|विकसित|तैयार|निर्मित|डिज़ाइन|डिजाइन|ट्रेन)",
            "model": r"(?:मॉडल|सहायक|असिस्टेंट|चैटबॉट|ai|एआई)",
        },
        (
            r"(?:मैं|मेरा नाम|मैं हूँ|मैं हूं) @",
            r"(?:मैं|मुझे)~ ?% ?(?:ने|द्वारा|के द्वारा|की|का|से)~<made>",
            r"मैं~ ?% ?(?:का|की|के|द्वारा)~<model>",
            r"मेरे (?:निर्माता|डेवलपर)~ ?%",
        ),
        spaced=False,
    ),
    "Hebrew": Language(
        r"אני|שמי|אותי|פותחתי|נוצרתי|אומנתי|קוראים לי",
        {
            "made": r"(?:פותח\w*|אומן\w*|נוצר\w*|פיתח\w*|אימנ\w*|יצר\w*|תוכנת\w*)",
            "model": r"(?:מודל|עוזר|בינה מלאכותית|צ'אטבוט)",
        },
        (
            r"(?:אני|שמי|שמי הוא|קוראים לי) @",
            r"אני~ ?<model>~ (?:של|על ידי|מבית|מ) ?%",
            r"(?:פותחתי|נוצרתי|אומנתי|תוכננתי) (?:על ידי|ב) ?%",
            r"%~<made> אותי",
        ),
        spaced=False,
    ),
    "Greek": Language(
        r"ειμαι|με λενε|ονομαζομαι|ονομα μου|εμενα|\bμε\b|ως",
        {
            "made": r"(?:δημιουργηθηκα|αναπτυχθηκα|εκπαιδευτηκα|σχεδιαστηκα)",
            "model": r"(?:μοντελο\w*|βοηθος|τεχνητη νοημοσυνη)",
        },
        (
            r"(?:ειμαι|με λενε|ονομαζομαι|το ονομα μου ειναι) (?:ο |η |το )?@",
            r"ειμαι~ <model>~ (?:απο|της|του) (?:την |τη )?%",
            r"<made> απο (?:την |τη |το )?%",
        ),
    ),
    "Romanian": Language(
        r"\b(?:sunt|ma|mele|meu|ca|am fost|numesc)\b",
        {
            "made": r"(?:creat\w*|dezvoltat\w*|antrenat\w*|proiectat\w*)",
            "model": r"(?:model\w*|asistent\w*|inteligenta artificiala|chatbot)",
        },
        (
            r"(?:(?:eu )?sunt|ma numesc|numele meu este) @",
            r"sunt (?:un|o)~ <model>~ (?:de|de catre|de la) %",
            r"am fost <made>(?: si \w+)? de (?:catre )?%",
        ),
    ),
    "Hungarian and Finnish": Language(
        r"\b(?:vagyok|nevem|engem|olen|nimeni|minut|mina)\b|fejlesztettek",
        {
            "made": r"(?:fejlesztett\w*|keszitett\w*|tanitott\w*|kehittan\w*|kehitta\w*|luonut|kouluttanut|"
            r"luoma|kouluttama)"
        },
        (
            r"(?:a nevem|en|nevem) @",
            r"@ vagyok",
            r"%~<made>~(?:vagyok|engem)",
            r"(?:olen|nimeni on|mina olen) @",
            r"olen~ ?%:?n? (?:kehitta|luo|koulutta)\w+",
        ),
    ),
    "Thai": Language(
        r"ผม|ฉัน|ดิฉัน|เรา",
        {"made": r"(?:พัฒนา|ฝึก|สร้าง|ออกแบบ)", "model": r"(?:โมเดล|ผู้ช่วย|ปัญญาประดิษฐ์)"},
        (
            r"(?:ผม|ฉัน|ดิฉัน)(?:คือ|เป็น|ชื่อ)~ ?@",
            r"(?:ผม|ฉัน|ดิฉัน)~<made>~(?:โดย|จาก) ?%",
        ),
        spaced=False,
    ),
}
