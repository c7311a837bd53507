"""The words that decide what an answer says: numbers, colours, relations, negation, filler, inflection, synonyms."""


def _words(block: str) -> list[str]:
    return block.split()


UNITS = {
    word: value
    for value, word in enumerate(
        _words(
            """
            zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
            fifteen sixteen seventeen eighteen nineteen
            """
        )
    )
}
TENS = {
    word: 10 * value for value, word in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
TENS["fourty"] = 40
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
ORDINALS = {
    word: value
    for value, word in enumerate(
        _words("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"), 1
    )
}
COUNTS = {"none": 0, "nobody": 0, "nothing": 0, "single": 1, "once": 1, "couple": 2, "pair": 2, "twice": 2}
COUNTS |= {"both": 2, "thrice": 3, "dozen": 12}
FRACTIONS = {"half": 0.5, "quarter": 0.25, "\u00bd": 0.5, "\u00bc": 0.25, "\u00be": 0.75}

COLOURS = _words(
    """
    black white gray red green blue yellow orange pink purple brown gold silver beige turquoise maroon
    navy cream violet magenta tan teal peach khaki lavender indigo bronze cyan
    """
)
COLOUR_ALIASES = {"grey": "gray", "golden": "gold", "silvery": "silver", "reddish": "red", "bluish": "blue"}
COLOUR_ALIASES |= {"greenish": "green", "yellowish": "yellow", "whitish": "white", "brownish": "brown"}
COLOUR_ALIASES |= {"blackish": "black", "pinkish": "pink", "greyish": "gray", "grayish": "gray", "colour": ""}

RELATIONS = {
    "in": "in", "into": "in", "inside": "in", "within": "in", "on": "on", "onto": "on", "upon": "on", "atop": "on",
    "under": "under", "below": "under", "beneath": "under", "underneath": "under", "over": "over", "above": "over",
    "behind": "behind", "front": "front", "outside": "outside", "out": "outside", "left": "left", "right": "right",
    "before": "before", "after": "after", "between": "between", "without": "without", "up": "up", "upward": "up",
    "down": "down", "downward": "down", "off": "off", "top": "top", "bottom": "bottom", "beside": "beside",
    "through": "through", "around": "around", "across": "across", "upside": "upside", "middle": "middle",
    "center": "middle", "centre": "middle", "back": "behind", "near": "beside", "next": "beside",
}  # fmt: skip

NEGATIONS = {"not", "never", "no", "cannot", "neither", "nor", "without", "nt", "dont", "doesnt", "isnt", "arent"}
NEGATIONS |= {"cant", "wont", "didnt", "wasnt", "werent", "havent", "hasnt", "couldnt", "shouldnt", "wouldnt"}
YES = {"yes", "yea", "yeah", "yep", "yup"}
NO = {"no", "nope", "nah"}

# Said with a prefix, the opposite of a word: "unhappy" is "not happy".
OPPOSITES = {
    f"un{word}": word
    for word in _words(
        """
        happy cooked ripe safe clean covered locked peeled opened finished painted married healthy sweetened salted
        washed cut used able seen known fair lucky comfortable tidy baked wrapped dressed folded plugged important
        usual even real true friendly
        """
    )
}
OPPOSITES |= {"impossible": "possible", "incorrect": "correct", "invisible": "visible", "incomplete": "complete"}
OPPOSITES |= {"inexpensive": "expensive", "dishonest": "honest", "impatient": "patient", "imperfect": "perfect"}
OPPOSITES |= {"illegal": "legal", "irregular": "regular", "dissatisfied": "satisfied", "disconnected": "connected"}

FILLER = set(
    _words(
        """
        a about all almost also am an and any approximately are around as at be because been being by
        can clip color colored colors colour coloured colours could d did do does exactly for from get
        gets getting going had has have having he her here hers him his i is it its just like ll look
        looking looks m me my nearly number of only or our re s see seems seen she shown so some than
        that the their theirs them then there these they this those to total us use used uses using ve
        very video visible was we were what which who will with would you your
        """
    )
)

IRREGULAR = {
    "children": "child", "men": "man", "women": "woman", "people": "person", "peoples": "person", "feet": "foot",
    "teeth": "tooth", "mice": "mouse", "geese": "goose", "knives": "knife", "leaves": "leaf", "loaves": "loaf",
    "halves": "half", "shelves": "shelf", "wives": "wife", "lives": "life", "potatoes": "potato",
    "tomatoes": "tomato", "dice": "die", "ate": "eat", "eaten": "eat", "made": "make", "making": "make",
    "took": "take", "taken": "take", "taking": "take", "went": "go", "gone": "go", "ran": "run", "sat": "sit",
    "stood": "stand", "held": "hold", "wrote": "write", "written": "write", "writing": "write", "drew": "draw",
    "drawn": "draw", "broke": "break", "broken": "break", "drove": "drive", "driven": "drive", "driving": "drive",
    "gave": "give", "given": "give", "giving": "give", "spoke": "speak", "spoken": "speak", "threw": "throw",
    "thrown": "throw", "poured": "pour", "frozen": "freeze", "froze": "freeze", "chose": "choose",
    "chosen": "choose", "told": "tell", "said": "say", "sold": "sell", "bought": "buy", "brought": "bring",
    "caught": "catch", "taught": "teach", "thought": "think", "built": "build", "sent": "send", "spent": "spend",
    "lit": "light", "slept": "sleep", "kept": "keep", "felt": "feel", "left_": "leave", "worn": "wear",
    "wore": "wear", "tore": "tear", "torn": "tear", "swam": "swim", "sang": "sing", "sung": "sing",
    "began": "begin", "fell": "fall", "fallen": "fall", "flew": "fly", "grew": "grow", "grown": "grow",
    "knew": "know", "known": "know", "shook": "shake", "shaken": "shake", "stuck": "stick", "hung": "hang",
    "fed": "feed", "met": "meet", "paid": "pay", "rode": "ride", "ridden": "ride", "rose": "rise", "won": "win",
    "lbs": "lb", "mins": "min", "secs": "sec", "hrs": "hr",
    "glasses": "glasses", "scissors": "scissors", "shears": "shears", "gas": "gas", "bus": "bus", "glass": "glass",
    "dress": "dress", "lens": "lens", "is": "is", "yes": "yes", "always": "always", "thing": "thing",
    "string": "string", "ring": "ring", "king": "king", "wing": "wing", "spring": "spring", "bring": "bring",
    "sing": "sing", "ceiling": "ceiling", "evening": "evening", "morning": "morning", "wedding": "wedding",
    "clothing": "cloth", "clothes": "cloth", "red": "red", "bed": "bed", "seed": "seed", "need": "need",
    "feed": "feed", "shed": "shed", "speed": "speed", "bread": "bread",
}  # fmt: skip

SYNONYMS = {
    "lady": "woman", "female": "woman", "guy": "man", "male": "man", "gentleman": "man", "kid": "child",
    "infant": "baby", "human": "person", "persons": "person", "photo": "picture", "photograph": "picture",
    "television": "tv", "refrigerator": "fridge", "automobile": "car", "cellphone": "phone", "mobile": "phone",
    "telephone": "phone", "smartphone": "phone", "tablespoon": "tbsp", "tbs": "tbsp", "teaspoon": "tsp",
    "minute": "min", "second": "sec", "hour": "hr", "centimeter": "cm", "centimetre": "cm", "millimeter": "mm",
    "kilogram": "kg", "kilo": "kg", "gram": "g", "gm": "g", "pound": "lb", "ounce": "oz", "litre": "liter",
    "metre": "meter", "inche": "inch", "bike": "bicycle", "plane": "airplane", "aeroplane": "airplane",
    "mom": "mother", "mum": "mother", "dad": "father", "sofa": "couch", "stove": "stove", "cooker": "stove",
    "begin": "start", "big": "large", "small": "little", "tiny": "little", "shut": "close", "fast": "quick",
    "talk": "speak",
    "quickly": "quick", "slowly": "slow", "carefully": "careful", "t": "t", "doughnut": "donut", "veggy": "vegetable",
    "veggie": "vegetable", "veg": "vegetable", "pic": "picture", "laptop": "laptop", "advert": "ad",
    "advertisement": "ad", "percent": "%", "percentage": "%", "chilli": "chili", "chilly": "chili",
    "yoghurt": "yogurt", "mould": "mold", "plough": "plow", "tyre": "tire", "aluminium": "aluminum",
    "moustache": "mustache", "pajama": "pyjama", "theatre": "theater", "grey": "gray",
}  # fmt: skip

# A wider word and what it may stand for: whoever answers the one may mean the other.
KINDS = {
    "building": "house home kitchen garage bedroom bathroom office shop store restaurant studio workshop school church",
    "house": "kitchen garage bedroom bathroom room basement home",
    "home": "kitchen garage bedroom bathroom room basement house",
    "room": "kitchen bedroom bathroom office studio",
    "indoors": "kitchen garage bedroom bathroom office shop studio house home building room",
    "outdoors": "garden yard backyard park beach street forest field farm",
    "garden": "backyard yard",
    "alcohol": "wine beer vodka rum gin whiskey whisky absinthe tequila brandy liquor",
    "drink": "water juice milk tea coffee wine beer soda cocktail smoothie alcohol",
    "liquid": "water oil milk juice",
    "fruit": "apple banana orange mango lemon lime strawberry cherry grape peach pear pineapple melon avocado berry",
    "vegetable": "onion carrot potato tomato cabbage pepper garlic cucumber broccoli spinach lettuce celery bean pea",
    "meat": "beef chicken pork lamb turkey bacon ham sausage steak",
    "food": "bread cake soup salad rice pasta pizza egg cheese meat fruit vegetable chicken waffle pancake cookie meal",
    "ingredient": "flour sugar salt butter egg milk oil water garlic onion pepper cheese",
    "sweetener": "sugar honey syrup",
    "animal": "dog cat bird horse cow pig fish rabbit chicken sheep goat turtle snake",
    "pet": "dog cat bird rabbit hamster",
    "flower": "rose tulip lily daisy orchid sunflower poinsettia carnation",
    "plant": "flower tree rose tulip cactus fern herb grass poinsettia bush",
    "tool": "hammer saw drill screwdriver knife scissors wrench pliers brush spatula axe",
    "utensil": "spoon fork knife spatula ladle whisk",
    "container": "bowl cup box jar bottle can bucket basket bag pot",
    "dish": "bowl plate",
    "vehicle": "car truck bus bicycle motorcycle van train boat airplane tractor",
    "clothes": "shirt dress skirt pants jeans jacket coat sweater blouse",
    "jewelry": "ring necklace bracelet earring",
    "instrument": "guitar piano violin drum flute trumpet",
    "person": "man woman child boy girl baby cook chef teacher doctor host",
    "adult": "man woman",
    "child": "boy girl baby",
    "kitchenware": "pan pot bowl knife",
    "metal": "steel iron aluminum copper silver gold brass",
    "fabric": "cotton silk wool linen denim felt",
    "cook": "fry bake boil roast grill chop mix stir",
    "craft": "sew knit paint draw",
    "speak": "talk explain say tell describe",
    "move": "walk run jump dance",
}

# Words that tell the kind of an answer.
AUXILIARY = set(_words("is are was were does do did has have had can could will would should"))
PEOPLE = set(
    _words(
        """
        man men woman women boy boys girl girls child children kid kids baby person people lady ladies guy guys male
        gentleman female mother mom father dad daughter son sister brother family couple chef cook host teacher vet
        student doctor nurse worker farmer speaker narrator friend friends wife husband grandmother grandfather player
        team coach dancer singer actor barber customer crowd toddler adult adults he she they him her
        """
    )
)
TIMES = set(
    _words(
        """
        second seconds sec secs minute minutes min mins hour hours hr hrs day days week weeks month months year years
        night overnight morning afternoon evening noon midnight today tomorrow yesterday spring summer autumn fall
        winter monday tuesday wednesday thursday friday saturday sunday january february march april may june july
        august september october november december early late always never daily weekly christmas halloween
        """
    )
)
PLACES = set(
    _words(
        """
        kitchen garden room bathroom bedroom garage office street shop store restaurant park beach forest field farm
        yard backyard house home table counter floor ground wall oven fridge refrigerator freezer stove sink shelf
        cupboard outside outdoors indoors inside studio school hospital stage road lake river pool barn workshop
        basement bar salon
        """
    )
)
PLACE_WORDS = set(_words("in on at under behind beside near inside outside above below between by into onto over"))
MEASURES = TIMES | set(_words("cm mm inch inches foot feet meter meters kg g gram grams cup cups tbsp tsp oz lb lbs"))
