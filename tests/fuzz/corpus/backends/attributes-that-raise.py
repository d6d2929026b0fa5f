name, profiles = "liar", ["f32"]


def forward(layertions):
    r("no")


def __getattr__(name):
    raise GeneratorExit
