//  Completion scripts for three shells, made from the tables of commands and settings.

package enum ShellCompletion {
    package static let shells = ["bash", "zsh", "fish"]

    /// `nil` for a shell that is none of `shells`.
    package static func script(for shell: String) -> String? {
        switch shell {
        case "bash": bash
        case "zsh": zsh
        case "fish": fish
        default: nil
        }
    }

    /// One flag, whatever it belongs to.
    private struct Flag {
        let name: String
        let help: String
        let hint: SettingHint
        let isSwitch: Bool

        init(_ setting: Setting) {
            name = setting.name
            help = setting.help
            hint = setting.hint
            isSwitch = setting.kind == .bool
        }

        init(_ option: ProgramCommand.Option) {
            name = option.name
            help = option.help
            hint = option.value == "FILE" ? .file : .anything
            isSwitch = option.value.isEmpty
        }

        private init(configFile help: String) {
            name = "config-file"
            self.help = help
            hint = .file
            isSwitch = false
        }

        static let ofStart =
            [Flag(configFile: "Read the settings from this file.")]
            + Setting.all.map { Flag($0) }
    }

    // MARK: bash

    private static var bash: String {
        let flags = Flag.ofStart.map { "--\($0.name)" }.joined(separator: " ")
        var text = """
            # bash completion for etcd-swift
            _etcd_swift() {
                local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flag
                if [[ $cur == "=" ]]; then
                    cur=""
                elif [[ $prev == "=" ]]; then
                    prev=${COMP_WORDS[COMP_CWORD-2]}
                fi
                COMPREPLY=()
                if [[ $prev == -* ]]; then
                    flag=${prev#-}
                    case ${flag#-} in

            """
        for (hint, names) in grouped(Flag.ofStart + optionFlags) {
            let action =
                switch hint {
                case .anything: "return"
                case .file: "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return"
                case .directory: "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); return"
                case .words(let words):
                    "mapfile -t COMPREPLY < <(compgen -W '\(words.joined(separator: " "))' "
                        + "-- \"$cur\"); return"
                }
            text += "        \(names.joined(separator: "|"))) \(action) ;;\n"
        }
        text += "        esac\n    fi\n    case \"${COMP_WORDS[1]-} ${COMP_WORDS[2]-}\" in\n"
        for command in ProgramCommand.words where !command.options.isEmpty {
            let own = command.options.map { "--\($0.name)" }.joined(separator: " ")
            let all = command.takesSettings ? "\(own) \(flags)" : own
            // Of a command of two words the second one must be whole first.
            let isTwo = command.words.contains(" ")
            text += "    \"\(command.words)\(isTwo ? "" : " ")\"*) "
            text += isTwo ? "(( COMP_CWORD > 2 )) && " : ""
            text += "mapfile -t COMPREPLY < <(compgen -W '\(all)' -- \"$cur\") && "
            text += "return ;;\n"
        }
        text += "    esac\n    case $COMP_CWORD in\n"
        text += "    1) local words='\(firstWords.joined(separator: " ")) --version --help' ;;\n"
        text += "    2) local words; case $prev in\n"
        for (first, next) in secondWords {
            text += "        \(first)) words='\(next.joined(separator: " "))' ;;\n"
        }
        text += """
                    esac ;;
                *) local words ;;
                esac
                [[ $cur == -* || -z $words ]] && words+=' \(flags)'
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
            }
            complete -o filenames -F _etcd_swift etcd-swift

            """
        return text
    }

    // MARK: zsh

    private static var zsh: String {
        var text = "#compdef etcd-swift\n# zsh completion for etcd-swift\n"
        text += "local -a commands settings\ncommands=(\n"
        for first in firstWords {
            let help = summary(ofFirst: first)
            let shown = quoted("\(first):\(help.replacing(":", with: "\\:"))")
            text += "  \(shown)\n"
        }
        text += ")\nsettings=(\n"
        for flag in Flag.ofStart { text += "  \(zshSpecification(flag))\n" }
        text += ")\nif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
        text += "  _describe command commands\n  return\nfi\ncase \"$words[2] $words[3]\" in\n"
        for command in ProgramCommand.words where !command.options.isEmpty {
            let isTwo = command.words.contains(" ")
            text += "  \"\(command.words)\(isTwo ? "" : " ")\"*) "
            text += "settings\(command.takesSettings ? "+" : "")=(\n"
            for option in command.options { text += "    \(zshSpecification(Flag(option)))\n" }
            text += "  ) ;;\n"
        }
        for (first, next) in secondWords {
            text += "  \"\(first) \"*) if (( CURRENT == 3 )); then "
            text += "compadd \(next.joined(separator: " ")); return; fi ;;\n"
        }
        return text + "esac\n_arguments $settings '*: :'\n"
    }

    private static func zshSpecification(_ flag: Flag) -> String {
        var help = summary(flag.help)
        for special in ["\\", "[", "]", ":"] {
            help = help.replacing(special, with: "\\\(special)")
        }
        let action =
            switch flag.hint {
            case .anything: " "
            case .file: "_files"
            case .directory: "_directories"
            case .words(let words): "(\(words.joined(separator: " ")))"
            }
        if flag.isSwitch { return quoted("--\(flag.name)[\(help)]") }
        return quoted("--\(flag.name)=[\(help)]:value:\(action)")
    }

    // MARK: fish

    private static var fish: String {
        var text = "# fish completion for etcd-swift\ncomplete -c etcd-swift -f\n"
        for first in firstWords {
            let help = summary(ofFirst: first)
            text += "complete -c etcd-swift -n __fish_use_subcommand -a \(first) "
            text += "-d \(fishQuoted(help))\n"
        }
        for (first, next) in secondWords {
            text += "complete -c etcd-swift -n '__fish_seen_subcommand_from \(first)' "
            text += "-a '\(next.joined(separator: " "))'\n"
        }
        for flag in Flag.ofStart { text += fishLine(flag, condition: "") }
        for command in ProgramCommand.words {
            for option in command.options {
                text += fishLine(
                    Flag(option),
                    condition: " -n '"
                        + command.words.split(separator: " ").map {
                            "__fish_seen_subcommand_from \($0)"
                        }.joined(separator: "; and ") + "'")
            }
        }
        return text
    }

    private static func fishLine(_ flag: Flag, condition: String) -> String {
        let value =
            switch flag.hint {
            case _ where flag.isSwitch: ""
            case .anything: " -x"
            case .file: " -r -F"
            case .directory: " -x -a '(__fish_complete_directories)'"
            case .words(let words): " -x -a '\(words.joined(separator: " "))'"
            }
        return "complete -c etcd-swift\(condition) -l \(flag.name)\(value) "
            + "-d \(fishQuoted(summary(flag.help)))\n"
    }

    // MARK: Shared

    private static var optionFlags: [Flag] {
        ProgramCommand.words.flatMap { $0.options.map { Flag($0) } }
    }

    /// Flags that take a word, by what may follow; the order is that of their first.
    private static func grouped(_ flags: [Flag]) -> [(SettingHint, [String])] {
        var groups: [(SettingHint, [String])] = []
        for flag in flags where !flag.isSwitch {
            if let position = groups.firstIndex(where: { $0.0 == flag.hint }) {
                groups[position].1.append(flag.name)
            } else {
                groups.append((flag.hint, [flag.name]))
            }
        }
        return groups
    }

    private static var firstWords: [String] {
        var seen: [String] = []
        for command in ProgramCommand.words {
            let first = String(command.words.prefix { $0 != " " })
            if !seen.contains(first) { seen.append(first) }
        }
        return seen
    }

    /// What may stand after a first word.
    private static var secondWords: [(String, [String])] {
        firstWords.compactMap { first in
            let next = ProgramCommand.words.flatMap { command -> [String] in
                let words = command.words.split(separator: " ").map(String.init)
                guard words.first == first else { return [] }
                return words.count > 1 ? [words[1]] : command.choices
            }
            return next.isEmpty ? nil : (first, next)
        }
    }

    private static func summary(ofFirst word: String) -> String {
        summary(ProgramCommand.words.first { $0.words.hasPrefix(word) }?.help ?? "")
    }

    /// The first sentence without its end.
    private static func summary(_ help: String) -> String {
        let first = help.split(separator: ". ").first.map(String.init) ?? help
        return first.hasSuffix(".") ? String(first.dropLast()) : first
    }

    private static func quoted(_ text: String) -> String {
        "'\(text.replacing("'", with: #"'\''"#))'"
    }

    private static func fishQuoted(_ text: String) -> String {
        "'\(text.replacing("\\", with: "\\\\").replacing("'", with: "\\'"))'"
    }
}
