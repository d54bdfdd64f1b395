//! What differs by language: stop words, the stemmer, what is clipped off a word, and when accents fall.

use super::fold::fold;
use super::word::Clip;
use rust_stemmers::{Algorithm, Stemmer};
use std::collections::HashSet;

/// Codes that [`Analyzer::new`](super::Analyzer::new) takes.
pub const LANGUAGES: [&str; 23] = [
    "ar", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "ja", "ko", "nl", "no", "pt", "ro", "ru", "sv", "ta",
    "th", "tr", "zh", "none",
];

pub(super) struct Language {
    pub stemmer: Option<(Stemmer, Alphabet)>,
    /// In the form that `fold` gives.
    stop: HashSet<String>,
    pub clip: Clip,
    pub turkish: bool,
    /// Accents fall before stemming, where the algorithm can do without them: then words typed without accents meet
    /// all others. Elsewhere endings are told by their accents (or by a letter that
    /// folding changes, as in Arabic), and these fall after stemming.
    pub fold_first: bool,
}

/// The letters that a stemmer was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Tamil,
}

impl Alphabet {
    pub fn has(self, word: &str) -> bool {
        word.chars().all(|c| match self {
            Alphabet::Latin => matches!(c, 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'),
            Alphabet::Cyrillic => matches!(c, '\u{400}'..='\u{4ff}'),
            Alphabet::Greek => matches!(c, '\u{370}'..='\u{3ff}'),
            Alphabet::Arabic => matches!(c, '\u{620}'..='\u{65f}' | '\u{670}'..='\u{671}'),
            Alphabet::Tamil => matches!(c, '\u{b80}'..='\u{bff}'),
        })
    }
}

impl Language {
    /// By its code, or the code with a region.
    pub fn new(code: &str) -> Option<Language> {
        let primary = primary(code)?;
        use Alphabet::*;
        let algorithm = match primary {
            "ar" => Some((Algorithm::Arabic, Arabic)),
            "da" => Some((Algorithm::Danish, Latin)),
            "de" => Some((Algorithm::German, Latin)),
            "el" => Some((Algorithm::Greek, Greek)),
            "en" => Some((Algorithm::English, Latin)),
            "es" => Some((Algorithm::Spanish, Latin)),
            "fi" => Some((Algorithm::Finnish, Latin)),
            "fr" => Some((Algorithm::French, Latin)),
            "hu" => Some((Algorithm::Hungarian, Latin)),
            "it" => Some((Algorithm::Italian, Latin)),
            "nl" => Some((Algorithm::Dutch, Latin)),
            "no" => Some((Algorithm::Norwegian, Latin)),
            "pt" => Some((Algorithm::Portuguese, Latin)),
            "ro" => Some((Algorithm::Romanian, Latin)),
            "ru" => Some((Algorithm::Russian, Cyrillic)),
            "sv" => Some((Algorithm::Swedish, Latin)),
            "ta" => Some((Algorithm::Tamil, Tamil)),
            "tr" => Some((Algorithm::Turkish, Latin)),
            _ => None,
        };
        let clip = match primary {
            "en" => Clip::Possessive,
            "fr" | "it" => Clip::Elision,
            _ => Clip::Nothing,
        };
        let folded = |word: &str| {
            let mut folded = String::new();
            fold(word, &mut folded);
            folded
        };
        Some(Language {
            stemmer: algorithm.map(|(algorithm, alphabet)| (Stemmer::create(algorithm), alphabet)),
            stop: stop_words(primary).split_whitespace().map(folded).collect(),
            clip,
            turkish: primary == "tr",
            fold_first: !matches!(
                primary,
                "ar" | "da" | "es" | "fi" | "fr" | "hu" | "it" | "nl" | "no" | "pt" | "ro" | "sv" | "tr"
            ),
        })
    }

    /// Whether a folded word is a stop word.
    pub fn stops(&self, word: &str) -> bool {
        self.stop.contains(word)
    }
}

/// The code without its region, if it is one of [`LANGUAGES`].
pub(super) fn primary(code: &str) -> Option<&'static str> {
    let primary = code.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase();
    let primary = if primary == "nb" || primary == "nn" { "no" } else { primary.as_str() };
    LANGUAGES.into_iter().find(|known| *known == primary)
}

/// The function words of a language, by its code, as they are written.
pub(super) fn stop_words(code: &str) -> &'static str {
    match code {
        "ar" => AR,
        "da" => DA,
        "de" => DE,
        "el" => EL,
        "en" => EN,
        "es" => ES,
        "fi" => FI,
        "fr" => FR,
        "hu" => HU,
        "it" => IT,
        "nl" => NL,
        "no" => NO,
        "pt" => PT,
        "ro" => RO,
        "ru" => RU,
        "sv" => SV,
        "tr" => TR,
        _ => "",
    }
}

// Function words: articles, pronouns, prepositions, conjunctions, auxiliary verbs and the commonest adverbs.

const EN: &str = "a about above after again against all am an and any are aren't as at be because been before being
below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few
for from further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself
his how how's i i'd i'll i'm i've if in into is isn't it it's its itself just let's me more most mustn't my myself no
nor not now of off on once only or other ought our ours ourselves out over own same shan't she she'd she'll she's
should shouldn't so some such than that that's the their theirs them themselves then there there's these they they'd
they'll they're they've this those through to too under until up very was wasn't we we'd we'll we're we've were
weren't what what's when when's where where's which while who who's whom why why's will with won't would wouldn't you
you'd you'll you're you've your yours yourself yourselves";

const DE: &str = "aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes anders
auch auf aus bei beim bin bis bist da damit dann das dass dasselbe daß dazu dein deine deinem deinen deiner dem den
denn der deren derer derselbe des dessen dich die dies diese dieselbe diesem diesen dieser dieses dir doch dort du
durch ein eine einem einen einer eines einig einige einigem einigen einiger einiges einmal er es etwas euch euer eure
eurem euren eurer für gegen gewesen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem
ihren ihrer ihres im in indem ins ist jede jedem jeden jeder jedes jene jenem jenen jener jenes jetzt kann kein keine
keinem keinen keiner keines können könnte machen man manche manchem manchen mancher manches mein meine meinem meinen
meiner meines mich mir mit muss musste nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner
seines selbst sich sie sind so solche solchem solchen solcher solches soll sollte sondern sonst über um und uns unser
unsere unserem unseren unserer unter viel vom von vor war waren warst was weg weil weiter welche welchem welchen welcher
welches wenn wer werde werden wie wieder will wir wird wirst wo wollen wollte wurde wurden würde würden während wäre zu
zum zur zwar zwischen";

const FR: &str = "à ai aie aient ait alors après as au aucun aucune aujourd'hui auquel aura aurait aussi autre autres
aux auxquels avaient avais avait avant avec avez avoir avons ayant c ça car ce ceci cela celle celles celui cependant
ces cet cette ceux chaque chez comme comment d dans de depuis des donc dont du duquel elle elles en encore entre est et
étaient étais était étant êtes être eu eux fait fut il ils j je jusqu l la laquelle le lequel les lesquels leur
leurs lorsque lui m ma mais me même mêmes mes moi moins mon n ne ni nos notre nous on ont ou où par parce pas pendant
peu peut plus pour pourquoi puis qu quand que quel quelle quelles quels qui quoi s sa sans se sera serait ses si sinon
soit sommes son sont sous suis sur t ta te tes toi ton tous tout toute toutes très tu un une vers vos votre vous y";

const ES: &str = "a al algo algunas alguno algunos ante antes aquel aquella aquellos aún aunque cada casi como cómo con
contra cual cuál cuales cuáles cuando cuándo cuanto cuánto cuántos de del desde después donde dónde dos durante e el él
ella ellas ellos en entonces entre era eran eres es esa esas ese eso esos esta está estaba estaban estado están estar
estas este esto estos fue fueron fui ha había habían haber han has hasta hay he la las le les lo los más me mi mí
mientras mis mucho muchos muy nada ni no nos nosotros nuestra nuestro nuestros o os otra otras otro otros para pero poco
por porque pues que qué quien quién quienes se sea según ser si sí sido siempre sin sino sobre solo son su sus también
tan tanto te tiene tienen todo todos tu tú tus un una unas uno unos vosotros y ya yo";

const IT: &str = "a abbia abbiamo ad agli ai al alla alle allo allora altra altre altri altro anche ancora avere aveva
avevano avuto c che chi ci ciò coi col come con contro cui d da dagli dai dal dalla dalle dallo degli dei del della delle
dello dentro di dopo dove due e è ed ella era erano essa esse essere essi fa fino fra fu furono gli ha hai hanno ho i il
in io l la le lei li lo loro lui ma me mentre mi mia mie miei mio molto n ne negli nei nel nella nelle nello no noi non
nostra nostri nostro o od ogni per perché però più poi qual quale quali quando quanta quanti quanto quella quelle quelli
quello questa queste questi questo qui s se sé sei senza si sia siamo siete solo sono sopra sotto sta stata state stati
stato su sua sue sugli sui sul sulla sulle sullo suo suoi t te ti tra tu tua tue tuo tuoi tutti tutto un una uno v vi
voi vostra vostro";

const PT: &str = "a à ao aos aquela aquelas aquele aqueles aquilo as às até cada com como contra da das de dela delas
dele deles depois desde do dos e é ela elas ele eles em entre era eram essa essas esse esses esta está estamos estão
estar estas estava estavam este esteve estes estou eu foi fomos for foram há havia isso isto já lhe lhes mais mas me
mesmo meu meus minha minhas muito na não nas nem no nos nós nossa nossas nosso nossos num numa o onde os ou outra outras
outro outros para pela pelas pelo pelos pode por porque qual quais quando quanto quantos que quem se seja sem ser será
seu seus só sob sobre sua suas também te tem têm tendo ter teu teus teve tinha tinham todo todos tu tua um uma umas uns
você vocês";

const NL: &str = "aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens
en er ge geen geweest haar had hadden heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je jij jou jouw
kan kon kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons onze ook op over
reeds te tegen toch toen tot u uit uw van veel voor waar wanneer want waren was wat we welke werd werden wezen wie wij
wil word worden wordt zal ze zelf zich zij zijn zo zonder zou zouden";

const SV: &str =
    "alla allt än är att av bara blev bli blir blivit då där de dem den denna deras dess dessa det detta dig
din dina ditt du efter ej eller en er era ert ett för från ha hade han hans har här henne hennes hon honom hur i icke
ingen inom inte jag ju kan kunde man med mellan men mig min mina mitt mot mycket någon något några när ni nu och om oss
på så sådan sådana sådant samma sedan sig sin sina sitt själv ska skall skulle som till under upp ut utan vad var våra
varför varit varje vars vart vårt vem vi vid vilka vilken vilket";

const DA: &str = "ad af alle alt anden andet at blev blive bliver da de dem den denne der deres det dette dig din dine
disse dit du efter eller en end er et for fordi fra før ham han hans har havde have hende hendes her hos hun hvad hvem
hver hvilken hvilke hvis hvor hvordan hvornår i ikke ind ingen jeg jer jeres jo kan kunne man mange med meget men mig
min mine mit mod ned når nogen noget nogle nu og også om op os over på sådan selv sig sin sine sit skal skulle som til
ud under var været vi vil ville vor være";

const NO: &str = "alle at av både bare begge ble blei bli blir blitt da de deg dei deim deira dem den denne der dere
deres det dette di din disse ditt du dykk ein eit eller en enn er et etter for før fordi fra ha hadde han hans har henne
hennes her hjå ho hoe honom hun hva hvem hver hvilke hvilken hvis hvor hvordan hvorfor i ikke ikkje ingen inn ja jeg kan
kom korleis kunne kva kvar man mange me med meg mellom men mer min mine mitt mot mykje nå når ned no noe noen nokon noko
og også om opp oss over på så sånn selv si sia sidan siden sin sine sitt skal skulle slik som somme til um upp ut uten
var vår være vært vart ved vi vil ville vore vort";

const FI: &str =
    "ei eivät emme en et ette että he heidän heidät heille heiltä heissä hän häneen hänellä hänelle häneltä
hänen hänestä hänet ja jo johon joiden joihin joilla joille joista joita joka jolla jolle jolta jonka jos jossa josta
jota jotka kanssa kautta keiden keitä kenen ketkä ketä koska kuin kuinka kuka kun kuten me meidän meille mihin mikä
miksi mille millä minkä minua minulla minulle minun minut minä missä mistä mitkä mitä mukaan mutta myös ne niiden niihin
niille niin niissä niistä niitä noiden noita nuo nyt näiden näissä näistä näitä nämä ole olemme olen olet olette oli
olimme olin olisi olisivat olit olivat olla olleet ollut on ovat se sekä sen siihen siinä siitä sille sillä sinä sinua
sinulla sinun sitä tai tämä tämän tässä tästä tätä te teidän tuo tuon tähän tällä tälle vaan vai vaikka voi yli";

const RU: &str = "а без более больше будет будто бы был была были было быть в вам вас ваш вдруг ведь во вот впрочем все
всегда всего всех всю вы где да даже два для до другой его ее ей ему если есть еще ж же за зачем здесь и из или им
иногда их к как какая какой какие каких когда конечно которая которого которое которой которые который которых кто куда
ли лучше между меня мне много может можно мой моя мы на над надо наконец нас наш не него нее ней нельзя нет ни нибудь
никогда ним них ничего но ну о об один он она они оно опять от перед по под после потом потому почему почти при про раз
разве с сам свою свой себе себя сейчас со совсем так также такой там тебя тем теперь то тогда того тоже только том тот
три тут ты у уж уже хорошо хоть чего чей чем через что чтобы чуть эти этих это этого этой этом этот эту я";

const HU: &str = "a abban ahhoz ahogy ahol aki akik akkor alatt által általában amely amelyek amelyben amelyet ami
amikor amit annak arra át az azok azon azonban azt aztán azután azzal be bár belül benne cikk csak de e egy egyes egyéb
egyik egyre el ő ők őket elég ellen elő először előtt első emilyen én ennek erre és ez ezek ezen ezt ezzel fel felé ha
hanem hiszen hogy hogyan igen így ill ilyen is ismét itt jól kell kellett keresztül ki kívül között közül le legalább
legyen lehet lenne lenni lesz lett maga magát majd már más másik még mellett mely melyek mert mi mik mikor milyen mind
minden mindig mint mit mivel most nagy nagyon ne néha neki nélkül nem nincs olyan össze ott pedig persze s saját sem
semmi sok sokat szemben szerint szinte számára talán te tehát teljes több tovább továbbá úgy ugyanis új után utána
vagy vagyis vagyok valaki valami való van vannak vele vissza viszont volna volt voltak";

const RO: &str = "a acea aceasta această aceea acei aceia acel acela acele acelea acest acesta aceste acestea acești
acestor acestui ai aici al ale alt alta alte altul am apoi ar are aș așa asta astfel asupra atât atunci au avea avem ca
că când care cărei căror cărui cât câte către ce cea cei cel cele ceva chiar ci cine cum cu da dacă dar de deci deja
deoarece după din dintre doar e ea ei el ele este eu fără fi fie fiecare fost iar îi îl în înainte între își îți la le
li lor lui mai mea mei mele mi mult multe nici nimic niște noastră nostru noi nu o ori pe pentru peste poate prea prin
printre s sa să sale sau său se și sub sunt suntem spre te tot toată toate toți totuși tu un una unde unei unele unor
unui unul va vă voi vor vostru";

const TR: &str = "acaba ama ancak artık aslında az bana bazı belki ben benden beni benim bile bir biri birkaç birçok
birşey biz bizden bize bizi bizim böyle bu buna bunda bundan bunlar bunları bunların bunu bunun burada çok çünkü da daha
de defa değil diğer diye dolayı en fakat falan gibi göre hangi hem hep hepsi her herhangi hiç için ile ilgili ise işte
kadar karşı kendi kendine ki kim kime kimi kimse mı mi mu mü nasıl ne neden nerede nereye niçin niye o olan olarak
oldu olduğu olmak olur ona ondan onlar onlara onları onların onu onun orada öyle pek rağmen sadece sana sanki sen seni
senin siz sizi sizin sonra şey şöyle şu şunu tarafından tüm üzere var ve veya ya yani yine yok zaten";

const EL: &str = "αλλά αν αντί από αυτά αυτές αυτή αυτό αυτοί αυτός αυτού αυτούς αυτών για γιατί δε δεν εάν εγώ εδώ
είμαι είμαστε είναι είσαι είστε εκεί εκείνα εκείνη εκείνο εκείνος εμείς ένα ένας έναν εσείς εσύ ενώ επίσης έτσι έχει
έχουν η ή ήταν θα ίδια ίδιο ίδιος ίσως και κάθε κατά κι κοντά μα με μέσα μετά μέχρι μη μην μια μία μόνο μου μας να ο οι
όλα όλες όλη όλο όλοι όμως όπου όπως όταν ότι ού πάνω παρά ποια ποιες ποιο ποιοι ποιος πολύ που πού πριν προς πως πώς σαν
σας σε στα στη στην στις στο στον στους στου συν τα τη την της τι τις το τον τότε του τους των ως";

const AR: &str = "في من على إلى عن مع هذا هذه ذلك تلك هؤلاء أولئك التي الذي الذين اللذان اللتان اللاتي ما ماذا متى أين
كيف كم لماذا هل أي أية هو هي هم هن هما أنا أنت نحن أنتم كان كانت كانوا يكون تكون ليس ليست لم لن لا إن أن إنه أنه أنها إنها
قد لقد سوف ثم أو أم بل لكن لكنه حتى إذا إذ لو لولا كما كل بعض غير سوى عند عندما حين حيث بين بعد قبل فوق تحت منذ خلال ضد
أمام وراء حول دون و ف ب ك ل به بها فيه فيها منه منها له لها لهم عليه عليها إليه إليها وفي ومن وعلى وهو وهي وكان وكانت وقد
وهذا وهذه والتي والذي بهذا بهذه لهذا لهذه كذلك أيضا هناك هنا نحو لدى أحد جدا فقط مثل أما فإن وإن وأن كانا";
