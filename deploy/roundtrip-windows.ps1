<#
.SYNOPSIS
    Roundtrip as a background task of Windows: it starts with the machine and again when it fails.

.DESCRIPTION
    In PowerShell as administrator, in the checkout:

        python run.py upgrade                                    # once: makes .venv
        powershell -ExecutionPolicy Bypass -File deploy\roundtrip-windows.ps1 install
        powershell -ExecutionPolicy Bypass -File deploy\roundtrip-windows.ps1 status
        powershell -ExecutionPolicy Bypass -File deploy\roundtrip-windows.ps1 uninstall

    It is a scheduled task and not a service: python.exe does not speak the language of the service
    manager, and a task needs no wrapper that would have to be downloaded. It runs as LOCAL SERVICE,
    an account with few rights, and may write to the instance folder only.

    Settings are read from config.toml in the instance folder (port = 8000, public_url = "https://example.com").
    The output, with the set-up link of the first start, goes to roundtrip.log beside it; at a start
    a log over 10 MB becomes roundtrip.log.1. `uninstall` leaves the instance folder as it is.

.PARAMETER Action
    install, uninstall, start, stop or status. `run` is what the task itself calls.

.PARAMETER Instance
    Folder of the database and the settings; by default `instance` in the checkout.

.PARAMETER TaskName
    Name of the task; another one for a second installation.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true, Position = 0)]
    [ValidateSet('install', 'uninstall', 'start', 'stop', 'status', 'run')]
    [string] $Action,
    [string] $Instance = '',
    [string] $TaskName = 'Roundtrip'
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$Checkout = Split-Path -Parent $PSScriptRoot
$Python = Join-Path $Checkout '.venv\Scripts\python.exe'
if (-not $Instance) { $Instance = Join-Path $Checkout 'instance' }
$Instance = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Instance)
$Log = Join-Path $Instance 'roundtrip.log'
$LogLimit = 10MB

# By number, since the names are translated in other languages of Windows.
$LocalService = '*S-1-5-19'
$LocalSystem = '*S-1-5-18'
$Administrators = '*S-1-5-32-544'

function Assert-Administrator {
    $me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw 'This needs PowerShell as administrator (right click, "Run as administrator").'
    }
}

function Assert-Environment {
    if (-not (Test-Path -LiteralPath $Python)) {
        throw "There is no $Python yet. Run once in the checkout: python run.py upgrade"
    }
}

function Invoke-Icacls {
    # Rights by icacls.exe, which every Windows has; its answer is shown only when it fails.
    $answer = & icacls.exe @args 2>&1
    if ($LASTEXITCODE -ne 0) { throw "icacls $args failed: $answer" }
}

function Get-BasePython {
    # The Python that .venv was made from; one installed for a single user is closed to others.
    $line = Get-Content -LiteralPath (Join-Path $Checkout '.venv\pyvenv.cfg') | Where-Object { $_ -match '^home\s*=' }
    return ($line -replace '^home\s*=\s*', '').Trim()
}

function Grant-Access {
    # Reading the code for the task's account; writing, and reading data and key, in the instance only.
    New-Item -ItemType Directory -Force -Path $Instance | Out-Null
    foreach ($folder in @($Checkout, (Get-BasePython))) {
        Invoke-Icacls $folder '/grant' "${LocalService}:(OI)(CI)RX"
    }
    $me = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    $grants = @("${Administrators}:(OI)(CI)F", "${LocalSystem}:(OI)(CI)F", "*${me}:(OI)(CI)F", "${LocalService}:(OI)(CI)M")
    Invoke-Icacls $Instance '/inheritance:r' '/grant:r' @grants
}

function New-Definition {
    # The task: at start-up, without a time limit, tried again after a minute, never twice at once.
    $words = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -File "{0}" run -Instance "{1}"' -f $PSCommandPath, $Instance
    $settings = New-ScheduledTaskSettingsSet -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
        -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew -StartWhenAvailable `
        -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
    return @{
        Action    = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument $words -WorkingDirectory $Checkout
        Trigger   = New-ScheduledTaskTrigger -AtStartup
        Principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-19' -LogonType ServiceAccount -RunLevel Limited
        Settings  = $settings
    }
}

function Install-Roundtrip {
    Assert-Administrator
    Assert-Environment
    Grant-Access
    $definition = New-Definition
    Register-ScheduledTask -TaskName $TaskName -Description "Roundtrip in $Checkout" -Force @definition | Out-Null
    Start-Roundtrip
    Write-Output "The task $TaskName is installed. The set-up link of a first start is in $Log"
}

function Uninstall-Roundtrip {
    Assert-Administrator
    Stop-Roundtrip
    Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false
    Write-Output "The task $TaskName is gone. Everything in $Instance is still there."
}

function Start-Roundtrip {
    Start-ScheduledTask -TaskName $TaskName
    Write-Output "The task $TaskName was started."
}

function Stop-Roundtrip {
    # Ending the task ends PowerShell, but not always what it has started. What was confirmed is on disk.
    Stop-ScheduledTask -TaskName $TaskName
    Get-CimInstance Win32_Process -Filter "Name = 'python.exe'" |
        Where-Object { $_.ExecutablePath -eq $Python -and $_.CommandLine -like '*wsgi.py*' } |
        ForEach-Object { Stop-Process -Id $_.ProcessId -Force -ErrorAction SilentlyContinue }
    Write-Output "The task $TaskName was stopped."
}

function Show-Status {
    $task = Get-ScheduledTask -TaskName $TaskName -ErrorAction SilentlyContinue
    if (-not $task) {
        Write-Output "There is no task $TaskName."
        exit 1
    }
    $last = $task | Get-ScheduledTaskInfo
    Write-Output "The task $TaskName is $($task.State). Last start: $($last.LastRunTime), result $($last.LastTaskResult)."
    if (Test-Path -LiteralPath $Log) { Get-Content -LiteralPath $Log -Tail 10 }
}

function Invoke-Roundtrip {
    # What the task runs. cmd.exe writes the log as plain bytes; PowerShell 5 would make it UTF-16.
    Assert-Environment
    if ((Test-Path -LiteralPath $Log) -and (Get-Item -LiteralPath $Log).Length -gt $LogLimit) {
        Move-Item -LiteralPath $Log -Destination "$Log.1" -Force
    }
    $env:ROUNDTRIP_INSTANCE = $Instance
    $env:PYTHONUTF8 = '1'
    $env:PYTHONUNBUFFERED = '1'
    Set-Location -LiteralPath $Checkout
    $command = '""{0}" wsgi.py >> "{1}" 2>&1"' -f $Python, $Log
    $server = Start-Process cmd.exe -ArgumentList '/d', '/s', '/c', $command -NoNewWindow -PassThru -Wait
    exit $server.ExitCode
}

switch ($Action) {
    'install' { Install-Roundtrip }
    'uninstall' { Uninstall-Roundtrip }
    'start' { Start-Roundtrip }
    'stop' { Stop-Roundtrip }
    'status' { Show-Status }
    'run' { Invoke-Roundtrip }
}
