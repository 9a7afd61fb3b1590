//! Components of providers.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    (
        "the component has {} bytes, more than the {} that `component_bytes` allows",
        "die Komponente hat {} Bytes, mehr als die {}, die `component_bytes` erlaubt",
    ),
    ("the component has unsupported imports: {}", "die Komponente hat nicht unterstützte Importe: {}"),
    (
        "the component does not implement the contract `{}`: {}",
        "die Komponente implementiert den Vertrag `{}` nicht: {}",
    ),
    ("the component's manifest is invalid: {}", "das Manifest der Komponente ist ungültig: {}"),
    (
        "the component's manifest could not be checked now: try again later",
        "das Manifest der Komponente konnte jetzt nicht geprüft werden: Versuchen Sie es später erneut",
    ),
    (
        "with this component, {} instances that are valid now would be invalid and send nothing ({}): change their options so that both components accept them, or allow it explicitly (`allow_invalid`)",
        "mit dieser Komponente würden {} gültige Instanzen ungültig und nichts mehr senden ({}): Ändern Sie deren Optionen so, dass beide Komponenten sie annehmen, oder erlauben Sie es ausdrücklich (`allow_invalid`)",
    ),
    (
        "another component is being compiled: try again later",
        "gerade wird eine andere Komponente kompiliert: Versuchen Sie es später erneut",
    ),
    (
        "the component took longer to compile than `compile_time` allows",
        "die Kompilierung der Komponente dauerte länger, als `compile_time` erlaubt",
    ),
    ("the component could not be compiled", "die Komponente konnte nicht kompiliert werden"),
    ("this is not a valid WebAssembly component: {}", "das ist keine gültige WebAssembly-Komponente: {}"),
    ("the component failed in `describe`: {}", "Fehler der Komponente in `describe`: {}"),
    (
        "the component does not have the expected digest: it is sha256:{}",
        "dies ist nicht die erwartete Komponente: Ihr Digest ist sha256:{}",
    ),
    (
        "there is no previous provider of type `{}`; this one can only be removed",
        "es gibt keinen vorherigen Provider vom Typ `{}`: Der aktuelle kann nur entfernt werden",
    ),
    (
        "this component would send secrets of instances to new destinations ({}): approve each of them (`destinations`)",
        "diese Komponente würde Geheimnisse von Instanzen an neue Ziele senden ({}): Genehmigen Sie jedes davon (`destinations`)",
    ),
    (
        "the previous component would send secrets of instances to new destinations ({}): install that component again to approve them",
        "die vorherige Komponente würde Geheimnisse von Instanzen an neue Ziele senden ({}): Installieren Sie sie neu, um diese zu genehmigen",
    ),
    (
        "version {} is lower than the current version {}: allow the downgrade with `allow_downgrade`",
        "Version {} ist älter als die verwendete Version {}: Erlauben Sie die ältere Version ausdrücklich (`allow_downgrade`)",
    ),
];
