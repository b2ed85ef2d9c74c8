#!/bin/sh
# Makes a Raspberry Pi that runs already (or any Debian 12 or 13) a camera of @SERVER@:
#
#     curl -fsSL @SERVER@/install/ucam.sh | sh -s -- CODE [--yes] [--again]
#
# It says what it will do and waits for a yes. Run again, it goes on where it was. This text holds no secret.

set -eu

main() {
    server='@SERVER@' sha256='@SHA256@'
    code='' yes='' root='' rest=''
    while [ $# -gt 0 ]; do
        case $1 in
            --yes) yes=1 ;;
            --again) rest="$rest --again" ;;
            --root | --rehearsal) # for trying it out: touches that folder only, with an agent that is there
                [ $# -ge 2 ] || fail "$1 needs a path."
                case $2 in *[!A-Za-z0-9/._-]*) fail "This path cannot be used: letters, digits, / . _ - only." ;; esac
                [ "$1" = --rehearsal ] || root=$2
                rest="$rest $1 $2"
                shift
                ;;
            -h | --help) explain; exit 0 ;;
            -*) fail "There is no option $1. There are --yes and --again." ;;
            *) code=$1 ;;
        esac
        shift
    done
    case $code in
        '') fail "The code is missing. It stands on the camera's page: ... | sh -s -- AAAA-BBBB-CCCC-DDDD" ;;
        *[!A-Za-z0-9-]*) fail "This is no code: it has letters, digits and hyphens only. Copy it once more." ;;
    esac
    explain
    become_root
    ask
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    fetch "$server/install/files/ucam_firstboot.py" >"$work/ucam_firstboot.py" ||
        fail "$server cannot be reached. Check this machine's network, then run the same line again."
    [ "$(sha256sum <"$work/ucam_firstboot.py" | cut -d' ' -f1)" = "$sha256" ] ||
        fail "What the server sent is not whole, or is newer than this line. Run the same line again."
    printf 'server = "%s"\ncode = "%s"\n' "$server" "$code" >"$work/ucam.toml"
    place=$root/var/lib/ucam-firstboot
    $sudo mkdir -p "$place"
    $sudo chmod 700 "$place"
    $sudo cp "$work/ucam.toml" "$place/ucam.toml"
    # shellcheck disable=SC2086 - words of ours
    $sudo /usr/bin/python3 "$work/ucam_firstboot.py" run --once --boot "$place" $rest ||
        fail "Not finished; the lines above say why. Nothing is spoilt: mend it and run the same line again."
}

explain() {
    cat <<EOF
This makes this machine a camera of $server:
  1. installs Debian's packages for video (GStreamer) with apt-get, those that are missing;
  2. installs the ucam agent into /opt/ucam-agent, as a service with a user of its own (ucam);
  3. exchanges the code for the camera's identity, which lies in /var/lib/ucam-agent;
  4. starts recording.
Nothing else is changed. To remove it: sudo systemctl disable --now ucam-agent; sudo rm -r /opt/ucam-agent
EOF
}

become_root() {
    sudo=''
    if [ "$(id -u)" != 0 ] && [ -z "$root" ]; then
        command -v sudo >/dev/null ||
            fail "This needs root, and there is no sudo here. Become root (su -), then run the same line again."
        sudo=sudo
        sudo -n true 2>/dev/null || echo "Steps 1 to 4 need root: sudo will ask for your password."
    fi
}

# The script itself may be coming in on the standard input, so the answer is read from the terminal.
ask() {
    [ -z "$yes" ] || return 0
    (: </dev/tty) 2>/dev/null || fail "There is no terminal to ask on. Add --yes if you want all of this."
    printf 'Go on? [y/N] ' >/dev/tty
    read -r answer </dev/tty
    case $answer in [yY]*) ;; *) echo "Nothing was changed."; exit 0 ;; esac
}

fetch() {
    if command -v curl >/dev/null; then curl -fsSL "$1"; else wget -qO- "$1"; fi
}

fail() {
    echo "ucam: $*" >&2
    exit 1
}

main "$@"
