# Completion for Postern's programs, under their own names and with "postern-" before them. Options are taken from --help.
_postern_programs="psql createdb dropdb createuser dropuser pg_isready initdb pg_ctl postmaster postgres"

# What the server says in one column to QUERY, with the connection that is on the command line so far.
_postern_ask()
{
    local program=${1%"${1##*/}"} connection=() i
    [[ ${1##*/} == postern-* ]] && program+=postern-psql || program+=psql
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -h | -p | -U | --host | --port | --username) connection+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    PGCONNECT_TIMEOUT=2 "$program" -XAtqw "${connection[@]}" -d postgres -c "$2" 2>/dev/null
}

_postern()
{
    local cur prev words cword split
    _init_completion -s || return
    local program=${1##*/}
    program=${program#postern-}
    case $prev in
        -D | --pgdata) _filedir -d; return ;;
        -k | --socket) _filedir; return ;;
        -f | --file | -l | --log | -L | --log-file | --pwfile)
            [[ $program == psql && $prev == -l ]] || { _filedir; return; } ;;
        -o | --output) _filedir; return ;;
        -h | --host) _known_hosts_real -- "$cur"; return ;;
        -U | --username | -O | --owner | -g | --role)
            COMPREPLY=($(compgen -W "$(_postern_ask "$1" 'SELECT rolname FROM pg_roles')" -- "$cur")); return ;;
        -d | --dbname | -T | --template | --maintenance-db)
            COMPREPLY=($(compgen -W "$(_postern_ask "$1" 'SELECT datname FROM pg_database')" -- "$cur")); return ;;
        -m | --mode) COMPREPLY=($(compgen -W "smart fast immediate" -- "$cur")); return ;;
    esac
    $split && return
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(_parse_help "$1")" -- "$cur"))
        [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
        return
    fi
    case $program in
        psql | dropdb) COMPREPLY=($(compgen -W "$(_postern_ask "$1" 'SELECT datname FROM pg_database')" -- "$cur")) ;;
        dropuser) COMPREPLY=($(compgen -W "$(_postern_ask "$1" 'SELECT rolname FROM pg_roles')" -- "$cur")) ;;
        pg_ctl) COMPREPLY=($(compgen -W "$("$1" --help 2>/dev/null | sed -n 's/^ *COMMAND [A-Z ]*REQUIRED *//p' | tr -d ,)" -- "$cur")) ;;
        initdb) _filedir -d ;;
    esac
} &&
    for _postern_program in $_postern_programs; do
        complete -F _postern "$_postern_program" "postern-$_postern_program"
    done
unset _postern_program _postern_programs
